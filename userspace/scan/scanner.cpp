#include "scan/scanner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "scan/escapes.h"
#include "scan/lane.h"

namespace writ::scan {
namespace {

// How long the decoded lane goes on after the last escape. After so many bytes no match and no
// window reaches back to that escape, and both lanes see the same again.
constexpr std::size_t kQuiet = kBehind + kReach + 2 * kAhead + 2 * kMaxEscape;
// While both lanes run, bytes are gathered to this much, to call Vectorscan less often.
constexpr std::size_t kBatch = 8192;
constexpr std::size_t kMaxIdle = 8;  // bodies kept for reuse

}  // namespace

// A Body is the state of one message: the raw lane, and the decoded lane once one was needed.
class Body {
 public:
  Body(const Ruleset& rules, Workspace& workspace)
      : rules_(rules), workspace_(workspace), raw_(rules, workspace, nullptr) {}

  void reset() {
    raw_.reset();
    if (decoded_) decoded_->reset();
    map_.clear();
    raw_batch_.clear();
    decoded_batch_.clear();
    carry_.clear();
    quiet_left_ = 0;
  }

  void feed(std::string_view bytes) {
    // An escape that was split: complete it in `carry_`, byte by byte (it is short).
    while (!carry_.empty() && !bytes.empty()) {
      carry_ += bytes.front();
      bytes.remove_prefix(1);
      carry_.erase(0, consume(carry_, false));
    }
    if (!bytes.empty()) carry_.assign(bytes.substr(consume(bytes, false)));
  }

  void finish() {
    consume(carry_, true);
    carry_.clear();
    flush();
    raw_.finish();
    if (quiet_left_ > 0) decoded_->finish();
  }

  // What findings() would say if the message ended here.
  [[nodiscard]] std::vector<Finding> if_ended() const {
    Body copy(rules_, workspace_);
    copy.raw_.become(raw_);
    copy.map_ = map_;
    if (decoded_) {
      copy.decoded_ = std::make_unique<Lane>(rules_, workspace_, &copy.map_);
      copy.decoded_->become(*decoded_);
    }
    copy.raw_batch_ = raw_batch_;
    copy.decoded_batch_ = decoded_batch_;
    copy.carry_ = carry_;
    copy.quiet_left_ = quiet_left_;
    copy.finish();
    return copy.findings();
  }

  [[nodiscard]] std::vector<Finding> findings() const {
    std::vector<Finding> all;
    for (std::size_t i = 0; i < rules_.rules().size(); ++i) {
      const Tally& raw = raw_.tallies()[i];
      const Tally none;
      const Tally& other = decoded_ ? decoded_->tallies()[i] : none;
      if (raw.count + other.count == 0) continue;
      const bool decoded_first = other.count > 0 && (raw.count == 0 || other.offset < raw.offset);
      const Tally& first = decoded_first ? other : raw;
      all.push_back({.rule = rules_.rules()[i].rule.id,
                     .category = rules_.rules()[i].rule.category,
                     .count = std::min(raw.count + other.count, kMaxCount),
                     .offset = first.offset,
                     .sample = first.sample});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Finding& a, const Finding& b) { return a.offset < b.offset; });
    return all;
  }

 private:
  // Scans `text` and returns how much of it: all but an escape that is not complete yet. With
  // `last` nothing follows, and all of it is scanned.
  std::size_t consume(std::string_view text, bool last) {
    EscapeCursor cursor(text);
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t next = cursor.next(at);
      plain(text.substr(at, next - at));
      at = next;
      if (at == text.size()) break;
      if (const auto escape = escape_at(text.substr(at))) {
        escaped(text.substr(at, escape->length), *escape);
        at += escape->length;
      } else if (last) {
        plain(text.substr(at));
        at = text.size();
      } else {
        break;
      }
    }
    return at;
  }

  void plain(std::string_view text) {
    while (!text.empty()) {
      if (quiet_left_ == 0) return raw_.scan(text);
      const std::string_view part = text.substr(0, quiet_left_);
      raw_batch_ += part;
      decoded_batch_ += part;
      text.remove_prefix(part.size());
      quiet_left_ -= part.size();
      if (quiet_left_ == 0 || raw_batch_.size() >= kBatch) flush();
    }
  }

  void escaped(std::string_view text, const Escape& escape) {
    if (quiet_left_ == 0) {
      if (!decoded_) decoded_ = std::make_unique<Lane>(rules_, workspace_, &map_);
      decoded_->continue_from(raw_);
      map_.clear();
    }
    quiet_left_ = kQuiet;
    map_.add(decoded_->total() + decoded_batch_.size(), raw_.total() + raw_batch_.size(), escape);
    raw_batch_ += text;
    decoded_batch_ += escape.text();
    if (raw_batch_.size() >= kBatch) flush();
  }

  void flush() {
    raw_.scan(raw_batch_);
    raw_batch_.clear();
    if (decoded_batch_.empty()) return;
    decoded_->scan(decoded_batch_);
    decoded_batch_.clear();
    map_.forget_before(decoded_->total() - std::min<std::uint64_t>(decoded_->total(), kQuiet));
  }

  const Ruleset& rules_;
  Workspace& workspace_;
  Lane raw_;
  std::unique_ptr<Lane> decoded_;
  EscapeMap map_;
  std::string raw_batch_;
  std::string decoded_batch_;
  std::string carry_;
  std::size_t quiet_left_ = 0;  // 0: the decoded lane does not run
};

// What all streams of a thread share.
struct Pool {
  std::shared_ptr<const Ruleset> rules;
  Workspace workspace;
  std::vector<std::unique_ptr<Body>> idle;
};

Scanner::Scanner(std::shared_ptr<const Ruleset> rules) : pool_(std::make_shared<Pool>()) {
  pool_->workspace.scan = rules->make_scratch(false);
  pool_->workspace.locate = rules->make_scratch(true);
  pool_->rules = std::move(rules);
  pool_->idle.reserve(kMaxIdle);
}

const Ruleset& Scanner::rules() const { return *pool_->rules; }

Stream Scanner::open() { return Stream(pool_); }

Stream::Stream(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {
  if (pool_->idle.empty()) {
    body_ = std::make_unique<Body>(*pool_->rules, pool_->workspace);
  } else {
    body_ = std::move(pool_->idle.back());
    pool_->idle.pop_back();
  }
}

Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    give_back();
    pool_ = std::move(other.pool_);
    body_ = std::move(other.body_);
    bytes_ = other.bytes_;
  }
  return *this;
}

Stream::~Stream() { give_back(); }

void Stream::give_back() {
  if (!body_) return;
  if (pool_->idle.size() < kMaxIdle) {
    body_->reset();
    pool_->idle.push_back(std::move(body_));
  }
  body_.reset();
}

void Stream::feed(std::string_view bytes) {
  if (!body_) return;
  bytes_ += bytes.size();
  body_->feed(bytes);
}

std::vector<Finding> Stream::finish() {
  if (!body_) return {};
  body_->finish();
  auto found = body_->findings();
  give_back();
  return found;
}

std::vector<Finding> Stream::so_far() const {
  return body_ ? body_->findings() : std::vector<Finding>{};
}

std::vector<Finding> Stream::if_ended() const {
  return body_ ? body_->if_ended() : std::vector<Finding>{};
}

}  // namespace writ::scan
