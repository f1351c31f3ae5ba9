// A Lane scans one view of a message, its raw bytes or its decoded ones, and keeps what it found.
//
//   ... history ... | chunk that is being scanned
//          [ window of a trigger ]
//
// Every trigger is judged on the same window of bytes around it, however the message was split: the
// lane keeps a bounded history, and triggers near the end of what has been seen wait for the bytes
// behind them. That makes a result independent of the split.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "scan/escapes.h"
#include "scan/finding.h"
#include "scan/ruleset.h"

struct hs_stream;

namespace writ::scan {

// Scratch space of one thread: `scan` is in use while a callback uses `locate`.
struct Workspace {
  Scratch scan;
  Scratch locate;
};

// What one rule found in one lane.
struct Tally {
  std::uint32_t count = 0;
  std::uint64_t offset = 0;    // of the first, in raw bytes
  std::uint64_t last_end = 0;  // of the last, in the lane's bytes; what starts before it overlaps
  std::uint64_t covered = 0;   // anchors up to here are seen to by a search that is due, or done
  std::string sample;
};

class Lane {
 public:
  // `rules` and `workspace` must outlive the lane. `map` is null in the lane of the raw bytes; the
  // other reports only what an escape of the map touches, the raw lane only what none touches.
  Lane(const Ruleset& rules, Workspace& workspace, const EscapeMap* map);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Starts a new message; tallies are cleared.
  void reset();
  // Goes on from where `raw` is, with its history and what still waits there; tallies are kept.
  void continue_from(const Lane& raw);
  // Is what `other` is, tallies too.
  void become(const Lane& other);
  void scan(std::string_view bytes);
  // The message ends here: judges what still waits.
  void finish();

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] const std::vector<Tally>& tallies() const { return tallies_; }

 private:
  // With an anchor: a search that is due, and `end` is kReach behind the anchor it began with.
  struct Trigger {
    unsigned rule;
    std::uint64_t end;
  };

  static int on_match(unsigned rule, unsigned long long from, unsigned long long to, unsigned flags,
                      void* lane);
  void judge(Trigger trigger);
  void judge_waiting();
  void remember(std::string_view bytes);
  // A stretch of the lane's bytes that starts at position `begin`.
  struct Window {
    std::uint64_t begin = 0;
    std::string_view bytes;
  };
  // The bytes [begin, end), cut to what there is.
  Window window(std::uint64_t begin, std::uint64_t end);
  void judge_validated(const CompiledRule& rule, Tally& tally, std::uint64_t end);
  void judge_pattern(const CompiledRule& rule, Tally& tally, std::uint64_t end);
  void search(const CompiledRule& rule, Tally& tally, std::uint64_t end);
  void count(const CompiledRule& rule, Tally& tally, const Window& window, Span span);
  [[nodiscard]] bool is_mine(const Window& window, Span span) const;

  const Ruleset& rules_;
  Workspace& workspace_;
  const EscapeMap* map_;
  hs_stream* stream_ = nullptr;
  std::uint64_t total_ = 0;  // bytes before chunk_
  std::string_view chunk_;   // only during scan()
  bool finishing_ = false;
  std::string history_;  // the last bytes before chunk_
  std::vector<Trigger> waiting_;
  std::vector<Tally> tallies_;
  std::array<char, kBehind + kAhead> joined_{};  // a window that spans history and chunk
};

}  // namespace writ::scan
