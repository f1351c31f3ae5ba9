// Reads a header or trailer section, field line by field line, up to its empty line.
// RFC 9112 section 5, RFC 9110 section 5.
#pragma once

#include <optional>
#include <string_view>

#include "protocol/http1_line.h"
#include "protocol/http1_types.h"

namespace writ::protocol {

// Requests come from the agent, and what a server makes of them is what we guard. Responses come
// from a server that is as it is: text that changes no framing is let through.
enum class Side { kRequest, kResponse };

// A name that some servers read as Content-Length or Transfer-Encoding, and others do not.
bool reads_as_framing_field(std::string_view name);
// RFC 9110 section 6.5.1: a trailer must not say what had to be known before it.
bool forbidden_in_trailer(std::string_view name);

class FieldReader {
 public:
  // `size.bytes` is for the whole section.
  FieldReader(Side side, LineLimit size, std::size_t max_fields)
      : side_(side), size_(size), max_fields_(max_fields) {}

  // True when the empty line was read; false: more bytes are needed, or `problem` is set.
  // Problems: those of LineReader, obs_fold, bad_field_name, space_before_colon, bad_field_line,
  // not_utf8 (requests), ambiguous_field_name (requests), too_many_headers, and size.code.
  bool read(Cursor& in, LineReader& lines, std::optional<Problem>& problem);

  // The fields of the section that was read; the reader is ready for the next one.
  Headers take();

 private:
  std::optional<Problem> add(std::string_view line, std::uint64_t offset);

  Side side_;
  LineLimit size_;
  std::size_t max_fields_;
  std::size_t used_ = 0;
  Headers fields_;
};

}  // namespace writ::protocol
