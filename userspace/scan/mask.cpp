#include "scan/mask.h"

#include <algorithm>
#include <array>

#include "scan/chars.h"
#include "scan/readers.h"

namespace writ::scan {
namespace {

constexpr std::size_t kMaxStars = 16;

// Letters and digits only; the first and last four stay.
std::string mask_middle(std::string_view match) {
  std::string text;
  std::copy_if(match.begin(), match.end(), std::back_inserter(text), is_alnum);
  if (text.size() <= 8) return std::string(text.size(), '*');
  std::fill(text.begin() + 4, text.end() - 4, '*');
  return text;
}

constexpr std::array kValidators = {
    Validator{"luhn", read_card, mask_card},
    Validator{"iban", read_iban, mask_iban},
    Validator{"ssn", read_ssn, mask_ssn},
    Validator{"email", read_email, mask_email},
};

}  // namespace

const Validator* find_validator(std::string_view name) {
  const auto* found = std::find_if(kValidators.begin(), kValidators.end(),
                                   [&](const Validator& v) { return v.name == name; });
  return found == kValidators.end() ? nullptr : found;
}

std::string validator_names() {
  std::string text;
  for (const Validator& v : kValidators) {
    if (!text.empty()) text += ", ";
    text += v.name;
  }
  return text;
}

std::string mask_card(std::string_view match) { return mask_middle(match); }
std::string mask_iban(std::string_view match) { return mask_middle(match); }

std::string mask_ssn(std::string_view match) {
  return "***-**-**" + std::string(match.substr(std::max<std::size_t>(match.size(), 2) - 2));
}

std::string mask_email(std::string_view match) {
  const std::size_t at_sign = match.find('@');
  if (at_sign == std::string_view::npos || at_sign == 0) return "****";
  return std::string(match.substr(0, 1)) + "****" + std::string(match.substr(at_sign));
}

std::string mask_rest(std::string_view match, std::size_t show) {
  std::string text;
  for (const char c : match.substr(0, show)) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (blank && !text.empty() && text.back() == ' ') continue;
    const bool printable = c > ' ' && c <= '~';
    text += blank ? ' ' : printable ? c : '.';
  }
  if (match.size() > show) text.append(std::min(match.size() - show, kMaxStars), '*');
  return text;
}

}  // namespace writ::scan
