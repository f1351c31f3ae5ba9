// Content scanning: what stands in the bytes of a call's arguments or result.
//
//   Scanner scanner(ruleset);              // one per thread
//   Stream stream = scanner.open();        // one per message body
//   stream.feed(bytes); stream.feed(more); // split anywhere: the result is the same
//   for (const Finding& f : stream.finish()) ...
//
// Matches that JSON's \uXXXX or percent-encoding hides are found too: from the first escape on, and
// until no escape has been seen for a while, the decoded bytes are scanned beside the raw ones.
// Text without escapes pays for the search for them only. What is not undone: base64, compression
// (hand in the decompressed body), other encodings than ASCII and UTF-8, and escapes of escapes.
// Of a match longer than 512 bytes the offset is 512 before its end; a rule with an anchor looks no
// further than 256 bytes before the anchor and 160 behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "scan/finding.h"
#include "scan/ruleset.h"

namespace writ::scan {

class Body;
struct Pool;

// A Stream is the scan of one message body. Movable; may outlive its Scanner, but is used on the
// Scanner's thread. Holds a few KiB from the Scanner's pool until it is finished or destroyed, so
// open it when a body begins, not when a connection does.
class Stream {
 public:
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // After finish(): no effect.
  void feed(std::string_view bytes);
  // What was found, sorted by offset; one Finding a rule. A second call returns nothing.
  std::vector<Finding> finish();
  // What was found up to here, but for matches that the next bytes may still change. After
  // finish(): nothing.
  [[nodiscard]] std::vector<Finding> so_far() const;
  // What finish() would return if nothing more came.
  [[nodiscard]] std::vector<Finding> if_ended() const;
  // How many bytes were fed.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  friend class Scanner;
  explicit Stream(std::shared_ptr<Pool> pool);
  void give_back();

  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Body> body_;  // null: finished
  std::uint64_t bytes_ = 0;
};

// A Scanner opens streams over one ruleset and owns the scratch space they share.
// Not thread-safe, and neither are its streams among each other: one per thread.
class Scanner {
 public:
  explicit Scanner(std::shared_ptr<const Ruleset> rules);

  [[nodiscard]] Stream open();
  [[nodiscard]] const Ruleset& rules() const;

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace writ::scan
