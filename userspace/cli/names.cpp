#include "cli/names.h"

namespace writ::cli {

// protobuf's enums are open and carry two sentinels of its own: a chain of ifs names ours, and the
// rest is what a newer writd may send.

std::string_view verdict_done(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_ALLOW) return "allowed";
  if (verdict == v1::VERDICT_FLAG) return "allowed and flagged";
  if (verdict == v1::VERDICT_DENY) return "denied";
  return "judged in a way that this version does not know";
}

std::string_view verdict_name(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_ALLOW) return "allow";
  if (verdict == v1::VERDICT_FLAG) return "flag";
  if (verdict == v1::VERDICT_DENY) return "deny";
  return "?";
}

std::string_view mode_name(v1::Mode mode) {
  if (mode == v1::MODE_OBSERVE) return "observe";
  if (mode == v1::MODE_ENFORCE) return "enforce";
  return "?";
}

std::string_view effect_name(v1::Effect effect) {
  if (effect == v1::EFFECT_READ) return "read";
  if (effect == v1::EFFECT_WRITE) return "write";
  return "?";
}

}  // namespace writ::cli
