#include "scan/lane.h"

#include <hs.h>

#include <algorithm>

#include "scan/chars.h"
#include "scan/hs_check.h"
#include "scan/mask.h"

namespace writ::scan {
namespace {

// Enough for the window of a trigger that still waits, and for one that is reported late (a word
// boundary is known only once the next byte is).
constexpr std::size_t kHistory = kBehind + 2 * kAhead;
// A scan takes no more than this at once: Vectorscan counts in 32 bits.
constexpr std::size_t kMaxChunk = 1u << 30;

std::string sample_of(const Rule& rule, std::string_view match) {
  return rule.validator != nullptr ? rule.validator->mask(match) : mask_rest(match, rule.show);
}

}  // namespace

Lane::Lane(const Ruleset& rules, Workspace& workspace, const EscapeMap* map)
    : rules_(rules), workspace_(workspace), map_(map), tallies_(rules.rules().size()) {
  check(hs_open_stream(rules_.database(), 0, &stream_));
  history_.reserve(3 * kHistory);
}

Lane::~Lane() {
  // Without a callback nothing is reported, and no scratch is needed.
  (void)hs_close_stream(stream_, nullptr, nullptr, nullptr);  // only fails for a null stream
}

void Lane::reset() {
  check(hs_reset_stream(stream_, 0, nullptr, nullptr, nullptr));
  total_ = 0;
  finishing_ = false;
  history_.clear();
  waiting_.clear();
  for (Tally& tally : tallies_) {
    tally.count = 0;
    tally.offset = tally.last_end = tally.covered = 0;
    tally.sample.clear();
  }
}

void Lane::continue_from(const Lane& raw) {
  check(hs_reset_and_copy_stream(stream_, raw.stream_, nullptr, nullptr, nullptr));
  total_ = raw.total_;
  history_ = raw.history_;
  waiting_ = raw.waiting_;
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    tallies_[i].last_end = 0;  // what this lane counted lies far behind
    tallies_[i].covered = raw.tallies_[i].covered;
  }
}

void Lane::become(const Lane& other) {
  continue_from(other);
  tallies_ = other.tallies_;
}

void Lane::scan(std::string_view bytes) {
  while (!bytes.empty()) {
    chunk_ = bytes.substr(0, kMaxChunk);
    bytes.remove_prefix(chunk_.size());
    judge_waiting();
    check(hs_scan_stream(stream_, chunk_.data(), static_cast<unsigned>(chunk_.size()), 0,
                         workspace_.scan.get(), &Lane::on_match, this));
    remember(chunk_);
    total_ += chunk_.size();
    chunk_ = {};
  }
}

void Lane::finish() {
  finishing_ = true;
  judge_waiting();
  check(hs_reset_stream(stream_, 0, workspace_.scan.get(), &Lane::on_match, this));
}

int Lane::on_match(unsigned rule, unsigned long long, unsigned long long to, unsigned,
                   void* context) {
  Lane& lane = *static_cast<Lane*>(context);
  Tally& tally = lane.tallies_[rule];
  if (tally.count >= kMaxCount) return 0;
  Trigger trigger{rule, to};
  if (!lane.rules_.rules()[rule].rule.anchor.empty()) {
    if (to <= tally.covered) return 0;
    trigger.end = tally.covered = to + kReach;
  }
  if (!lane.finishing_ && trigger.end + kAhead > lane.total_ + lane.chunk_.size()) {
    lane.waiting_.push_back(trigger);  // at most kAhead of them a rule, or three searches
  } else {
    lane.judge(trigger);
  }
  return 0;
}

void Lane::judge_waiting() {
  const std::uint64_t known = total_ + chunk_.size();
  std::size_t kept = 0;
  for (const Trigger trigger : waiting_) {
    if (!finishing_ && trigger.end + kAhead > known) {
      waiting_[kept++] = trigger;
    } else {
      judge(trigger);
    }
  }
  waiting_.resize(kept);
}

void Lane::judge(Trigger trigger) {
  const CompiledRule& compiled = rules_.rules()[trigger.rule];
  Tally& tally = tallies_[trigger.rule];
  if (tally.count >= kMaxCount) return;
  if (compiled.rule.validator != nullptr) {
    judge_validated(compiled, tally, trigger.end);
  } else if (compiled.rule.anchor.empty()) {
    judge_pattern(compiled, tally, trigger.end);
  } else {
    search(compiled, tally, trigger.end);
  }
}

void Lane::judge_validated(const CompiledRule& compiled, Tally& tally, std::uint64_t end) {
  const Window w = window(end - std::min<std::uint64_t>(end, kBehind), end + kAhead);
  if (end - w.begin > w.bytes.size()) return;
  const auto span = compiled.rule.validator->read(w.bytes, static_cast<std::size_t>(end - w.begin));
  if (span) count(compiled, tally, w, *span);
}

// A match ended here; where it started is looked for backwards.
void Lane::judge_pattern(const CompiledRule& compiled, Tally& tally, std::uint64_t end) {
  // Too close behind the last match to be another one: it is the same, going on.
  if (tally.last_end != 0 && end < tally.last_end + compiled.min_width) {
    tally.last_end = std::max(tally.last_end, end);
    return;
  }
  // One byte more than the longest match, for the letter that may stand before it, and as much
  // again as a JSON escape has.
  const std::size_t behind = std::min(compiled.max_width + kMaxEscape + 1, kBehind);
  const Window w = window(end - std::min<std::uint64_t>(end, behind), end + kAhead);
  if (end - w.begin > w.bytes.size()) return;
  const std::size_t size = static_cast<std::size_t>(end - w.begin);
  if (compiled.rule.word_edges && is_alnum(w.bytes[size - 1]) && !ends_clean(w.bytes, size)) return;
  std::size_t begin = size;
  for_each_match(compiled, w.bytes.substr(0, size), workspace_.locate.get(),
                 [&](std::size_t from, std::size_t to) {
                   if (to == size) begin = std::min(begin, from);
                 });
  if (begin == size) begin = 0;  // longer than the window
  if (compiled.rule.word_edges && is_alnum(w.bytes[begin]) && !starts_clean(w.bytes, begin)) return;
  count(compiled, tally, w, {begin, size});
}

void Lane::search(const CompiledRule& compiled, Tally& tally, std::uint64_t end) {
  constexpr std::size_t kBefore = kAnchorBehind + kReach;
  const Window w = window(end - std::min<std::uint64_t>(end, kBefore), end + kAhead);
  const std::size_t size = w.bytes.size();
  // What reaches an edge of the window may be only a part, unless the message ends there too.
  const bool ends_here = finishing_ && w.begin + size == total_;
  for_each_match(compiled, w.bytes, workspace_.locate.get(), [&](std::size_t from, std::size_t to) {
    if ((from == 0 && w.begin > 0) || (to == size && !ends_here)) return;
    if (compiled.rule.word_edges && ((is_alnum(w.bytes[from]) && !starts_clean(w.bytes, from)) ||
                                     (is_alnum(w.bytes[to - 1]) && !ends_clean(w.bytes, to))))
      return;
    count(compiled, tally, w, {from, to});
  });
}

void Lane::count(const CompiledRule& compiled, Tally& tally, const Window& w, Span span) {
  if (tally.count >= kMaxCount) return;
  const bool overlaps = w.begin + span.begin < tally.last_end;
  if (overlaps && w.begin + span.end <= tally.last_end) return;  // seen by the search before
  if (!is_mine(w, span)) return;
  tally.last_end = w.begin + span.end;
  if (overlaps) return;
  const std::uint64_t at = w.begin + span.begin;
  const std::uint64_t offset = map_ != nullptr ? map_->raw(at) : at;
  if (tally.count++ == 0 || offset < tally.offset) {
    tally.offset = offset;
    tally.sample = sample_of(compiled.rule, w.bytes.substr(span.begin, span.end - span.begin));
  }
}

// Each match belongs to one lane, so that none is counted twice: the decoded lane has those which
// an escape touches, in them or directly beside them.
bool Lane::is_mine(const Window& w, Span span) const {
  const std::size_t first = span.begin > 0 ? span.begin - 1 : 0;
  if (map_ != nullptr) return map_->touches(w.begin + first, w.begin + span.end + 1);
  return !touches_escape(w.bytes, first, std::min(span.end + 1, w.bytes.size()));
}

void Lane::remember(std::string_view bytes) {
  if (bytes.size() >= kHistory) {
    history_.assign(bytes.substr(bytes.size() - kHistory));
    return;
  }
  if (history_.size() + bytes.size() > 3 * kHistory)
    history_.erase(0, history_.size() + bytes.size() - kHistory);
  history_.append(bytes);
}

Lane::Window Lane::window(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t oldest = total_ - history_.size();
  begin = std::max(begin, oldest);
  end = std::min<std::uint64_t>(end, total_ + chunk_.size());
  if (begin >= end) return {begin, {}};
  const std::size_t size = static_cast<std::size_t>(end - begin);
  if (begin >= total_)
    return {begin, chunk_.substr(static_cast<std::size_t>(begin - total_), size)};
  const std::string_view old =
      std::string_view(history_).substr(static_cast<std::size_t>(begin - oldest), size);
  if (old.size() == size) return {begin, old};
  std::copy(old.begin(), old.end(), joined_.begin());
  std::copy_n(chunk_.begin(), size - old.size(), joined_.begin() + old.size());
  return {begin, {joined_.data(), size}};
}

}  // namespace writ::scan
