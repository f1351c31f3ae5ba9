// The two escapes that hide a match from a pattern: JSON's \u0040 and percent-encoding's %40.
//
// An escape is recognised by its own bytes alone (the backslash before a second one still counts),
// so that it is the same escape whatever was read before it. One pass: what decodes to an escape
// again (%2540) stays as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace writ::scan {

inline constexpr std::size_t kMaxEscape = 6;  // "\u0040"

struct Escape {
  std::uint8_t length = 0;   // bytes of its text: 3 or 6
  std::uint8_t decoded = 0;  // bytes it stands for, UTF-8: 1 to 3
  std::array<char, 3> bytes{};

  [[nodiscard]] std::string_view text() const { return {bytes.data(), decoded}; }
};

// The escape that begins at text[0].
std::optional<Escape> escape_at(std::string_view text);
// Whether an escape overlaps [begin, end) of `text`.
bool touches_escape(std::string_view text, std::size_t begin, std::size_t end);

// EscapeCursor walks over the escapes of one piece of text, each byte of it looked at once.
class EscapeCursor {
 public:
  explicit EscapeCursor(std::string_view text) : text_(text) {}

  // The first place at or after `from` where an escape begins, or where one might once more bytes
  // follow (then escape_at() there is nullopt); text.size() if there is none.
  // REQUIRES: `from` never decreases.
  std::size_t next(std::size_t from);

 private:
  [[nodiscard]] std::size_t find(std::size_t from, std::string_view mark) const;

  std::string_view text_;
  std::size_t percent_ = 0;
  std::size_t backslash_ = 0;
  bool started_ = false;
};

// EscapeMap turns positions in decoded bytes back into positions in the raw ones.
class EscapeMap {
 public:
  void clear() { entries_.clear(); }
  // Escapes are added in order.
  void add(std::uint64_t decoded_at, std::uint64_t raw_at, const Escape& escape);
  // Forgets what only positions before `decoded` need.
  void forget_before(std::uint64_t decoded);
  // Where in the raw bytes `decoded` is. Inside an escape: where that begins.
  [[nodiscard]] std::uint64_t raw(std::uint64_t decoded) const;
  // Whether a byte of [begin, end) came out of an escape.
  [[nodiscard]] bool touches(std::uint64_t begin, std::uint64_t end) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t decoded_at;
    std::uint64_t raw_at;
    std::uint8_t decoded;
    std::uint8_t length;
  };
  // The last entry at or before `decoded`, or nullptr.
  [[nodiscard]] const Entry* before(std::uint64_t decoded) const;

  std::vector<Entry> entries_;
};

}  // namespace writ::scan
