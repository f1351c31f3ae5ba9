#include "audit/calls.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

#include "audit/store.h"
#include "audit/verifier.h"

namespace writ::audit {
namespace {

constexpr std::size_t kNamedInAmbiguity = 5;

// Hands every record from `from_sequence` on to `use`; damage is collected, and read on behind.
Status scan(const std::string& dir, const Key& key, std::uint64_t from_sequence,
            std::vector<Error>& damage, const std::function<void(Entry&&)>& use) {
  auto cursor = Cursor::open(dir, key, from_sequence);
  if (!cursor) return tl::unexpected(cursor.error());
  while (true) {
    auto entry = cursor->next();
    if (!entry) {
      if (entry.error().code != ErrorCode::kCorrupt) return tl::unexpected(entry.error());
      if (damage.size() < kMaxProblems) damage.push_back(entry.error());
      continue;
    }
    std::optional<Entry>& found = *entry;
    if (!found) return {};
    use(std::move(*found));
  }
}

// What is wrong in the segment that begins at `first`; empty: nothing.
Result<std::string> problem_of(const std::string& dir, const Key& key, std::uint64_t first) {
  const std::string path = dir + "/" + segment_name(first);
  auto source = FileSource::open(path);
  if (!source) return tl::unexpected(source.error());
  auto scanner = SegmentScanner::create(std::move(*source), key);
  if (!scanner) return tl::unexpected(scanner.error());
  auto report = verify_segment(*scanner);
  if (!report) return tl::unexpected(report.error());
  if (report->problem.empty() && report->header.first_sequence == first) return std::string();
  return fmt::format(
      "{} at byte {}: {}", path, report->end_offset,
      report->problem.empty() ? "its name is not that of its first record" : report->problem);
}

Status prove(const std::string& dir, const Key& key, FoundCall& found) {
  const std::set<std::uint64_t> segments =
      found.outcome.sequence == 0
          ? std::set<std::uint64_t>{found.decision.segment}
          : std::set<std::uint64_t>{found.decision.segment, found.outcome.segment};
  for (const std::uint64_t first : segments) {
    auto problem = problem_of(dir, key, first);
    if (!problem) return tl::unexpected(problem.error());
    if (problem->empty()) continue;
    found.integrity = fmt::format(
        "the call's records verify against their neighbours, but the chain around them is broken: "
        "{}",
        *problem);
    return {};
  }
  found.intact = true;
  const std::string where = segments.size() == 1
                                ? fmt::format("{} verifies", segment_name(*segments.begin()))
                                : fmt::format("{} and {} verify", segment_name(*segments.begin()),
                                              segment_name(*segments.rbegin()));
  found.integrity =
      found.outcome.sequence == 0
          ? fmt::format("decision is record {}, no outcome is known yet; {} within the chain",
                        found.decision.sequence, where)
          : fmt::format("decision is record {} and outcome record {}; {} within the chain",
                        found.decision.sequence, found.outcome.sequence, where);
  return {};
}

}  // namespace

bool matches(const CallFilter& filter, const v1::Record& decision) {
  const v1::Decision& body = decision.decision();
  return decision.has_decision() &&
         (filter.session.empty() || body.session_id() == filter.session) &&
         (filter.verdict == v1::VERDICT_UNSPECIFIED || body.verdict() == filter.verdict) &&
         decision.time_unix_ns() >= filter.since_unix_ns &&
         (!filter.visible || filter.visible(body));
}

void CallJoiner::add(v1::Record record) {
  if (record.has_decision()) {
    if (!matches(filter_, record)) return;
    const std::uint64_t sequence = record.sequence();
    open_[record.decision().call_id()] = sequence;
    *calls_[sequence].mutable_decision() = std::move(record);
  } else if (record.has_outcome()) {
    const auto open = open_.find(record.outcome().call_id());
    if (open == open_.end()) return;
    *calls_[open->second].mutable_outcome() = std::move(record);
    ++complete_;
    open_.erase(open);
  } else {
    return;
  }
  release_front();
}

void CallJoiner::release_front() {
  while (!calls_.empty() && calls_.begin()->second.has_outcome()) {
    emit_(std::move(calls_.begin()->second));
    calls_.erase(calls_.begin());
    --complete_;
  }
  if (complete_ <= kReorderWindow) return;
  complete_ = 0;
  for (auto it = calls_.begin(); it != calls_.end();) {
    if (it->second.has_outcome()) {
      emit_(std::move(it->second));
      it = calls_.erase(it);
    } else {
      ++it;
    }
  }
}

void CallJoiner::finish() {
  for (auto& [sequence, call] : calls_) emit_(std::move(call));
  calls_.clear();
  open_.clear();
}

Result<CallsResult> each_call(const std::string& dir, const Key& key, const CallFilter& filter,
                              const CallJoiner::Emit& emit) {
  CallsResult result;
  CallJoiner joiner(filter, emit);
  auto done = scan(dir, key, 1, result.damage,
                   [&joiner](Entry&& entry) { joiner.add(std::move(entry.record)); });
  if (!done) return tl::unexpected(done.error());
  joiner.finish();
  return result;
}

Result<NewestCalls> newest_calls(const std::string& dir, const Key& key, const CallFilter& filter,
                                 std::uint32_t count) {
  if (count == 0 || count > kMaxNewest)
    return fail(ErrorCode::kInvalid, "ask for 1 to {} calls at once, not {}", kMaxNewest, count);
  auto listing = list_segments(dir);
  if (!listing) return tl::unexpected(listing.error());
  const auto& segments = listing->segments;
  // An outcome never stands before its decision, so the newest calls are whole within the last
  // segments. Each try reads twice as many of them as the one before.
  for (std::size_t depth = 1;; depth *= 2) {
    const bool all = depth >= segments.size();
    NewestCalls newest;
    std::deque<v1::Call> kept;
    std::uint64_t dropped = 0;  // from the front of `kept`
    std::unordered_map<std::string, std::uint64_t>
        numbers;  // call id → place, the dropped counted in
    const auto take = [&](Entry&& entry) {
      v1::Record& record = entry.record;
      if (record.has_outcome()) {
        const auto number = numbers.find(record.outcome().call_id());
        if (number == numbers.end()) return;
        *kept[number->second - dropped].mutable_outcome() = std::move(record);
        numbers.erase(number);
      } else if (matches(filter, record)) {
        numbers[record.decision().call_id()] = dropped + kept.size();
        *kept.emplace_back().mutable_decision() = std::move(record);
        if (kept.size() <= count) return;
        const auto oldest = numbers.find(kept.front().decision().decision().call_id());
        if (oldest != numbers.end() && oldest->second == dropped) numbers.erase(oldest);
        kept.pop_front();
        ++dropped;
      }
    };
    const std::uint64_t from = all ? 1 : segments[segments.size() - depth].first_sequence;
    if (auto done = scan(dir, key, from, newest.damage, take); !done)
      return tl::unexpected(done.error());
    if (!all && kept.size() < count) continue;
    newest.calls.assign(std::make_move_iterator(kept.begin()), std::make_move_iterator(kept.end()));
    return newest;
  }
}

Result<FoundCall> find_call(const std::string& dir, const Key& key, std::string_view prefix,
                            const std::function<bool(const v1::Decision&)>& visible) {
  if (prefix.empty())
    return fail(ErrorCode::kInvalid, "name a call, or the first characters of its id");
  std::map<std::string, FoundCall, std::less<>> found;
  std::vector<Error> damage;
  bool more = false;
  auto done = scan(dir, key, 1, damage, [&](Entry&& entry) {
    v1::Record& record = entry.record;
    if (record.has_decision()) {
      const std::string& id = record.decision().call_id();
      if (!id.starts_with(prefix) || (visible && !visible(record.decision()))) return;
      // Of many that begin alike, keep a few to name, and always the one that is meant exactly.
      if (found.size() > kNamedInAmbiguity && id != prefix) {
        more = true;
        return;
      }
      auto [call, inserted] = found.try_emplace(id);
      if (!inserted) return;
      call->second.decision = entry.position;
      *call->second.call.mutable_decision() = std::move(record);
    } else if (record.has_outcome()) {
      const auto call = found.find(record.outcome().call_id());
      if (call == found.end() || call->second.outcome.sequence != 0) return;
      call->second.outcome = entry.position;
      *call->second.call.mutable_outcome() = std::move(record);
    }
  });
  if (!done) return tl::unexpected(done.error());
  auto chosen = found.find(prefix);
  if (chosen == found.end() && found.size() == 1) chosen = found.begin();
  if (chosen == found.end() && found.empty()) {
    return fail(ErrorCode::kNotFound, "no call in the record has an id that begins with '{}'{}",
                prefix,
                damage.empty() ? "" : " (but the record is damaged: run writ audit verify)");
  }
  if (chosen == found.end()) {
    std::string names;
    std::size_t named = 0;
    for (const auto& [id, call] : found) {
      if (named++ == kNamedInAmbiguity) break;
      names += (names.empty() ? "" : ", ") + id;
    }
    return fail(ErrorCode::kInvalid, "'{}' is the beginning of several calls: {}{}", prefix, names,
                more || found.size() > kNamedInAmbiguity ? ", …" : "");
  }
  FoundCall result = std::move(chosen->second);
  if (auto proven = prove(dir, key, result); !proven) return tl::unexpected(proven.error());
  return result;
}

}  // namespace writ::audit
