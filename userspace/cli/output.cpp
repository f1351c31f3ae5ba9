#include "cli/output.h"

#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "cli/exit_code.h"

namespace writ::cli {
namespace {

// The length of the well-formed UTF-8 sequence at the front of `text` and its code point; length 0
// when there is none (Unicode 15, table 3-7).
struct CodePoint {
  std::size_t length = 0;
  std::uint32_t value = 0;
};

CodePoint decode(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return {1, first};
  const std::size_t length = first >= 0xf0 && first <= 0xf4   ? 4
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xc2 && first <= 0xdf ? 2
                                                              : 0;
  if (length == 0 || text.size() < length) return {};
  std::uint32_t value = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (at(i) & 0x3fu);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest.at(length) || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
    return {};
  }
  return {length, value};
}

bool is_safe(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool direction = c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
                         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  const bool invisible = c == 0x200b || c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
  return !control && !direction && !invisible;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint next = decode(text);
    const std::size_t length = std::max<std::size_t>(next.length, 1);
    if (next.length > 0 && is_safe(next.value)) {
      out.append(text.substr(0, length));
    } else {
      for (const char c : text.substr(0, length)) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(length);
  }
  return out;
}

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

Palette Palette::for_stdout() {
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  const char* term = std::getenv("TERM");           // NOLINT(concurrency-mt-unsafe)
  const bool refused = no_colour != nullptr && *no_colour != '\0';
  return Palette(stdout_is_terminal() && !refused && term != nullptr &&
                 std::string_view(term) != "dumb");
}

std::string Palette::paint(Colour colour, std::string_view text) const {
  if (!on_) return std::string(text);
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): for a value that is none of ours
  const char* code = "";
  switch (colour) {
    case Colour::kGreen:
      code = "32";
      break;
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kYellow:
      code = "33";
      break;
    case Colour::kBold:
      code = "1";
      break;
    case Colour::kDim:
      code = "2";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

Table::Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = printable(cell);
  row.resize(rows_.front().size());
  rows_.push_back(std::move(row));
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], columns_of(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) line += pad(row[i], widths[i] + 2);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string pad(std::string text, std::size_t columns) {
  const std::size_t used = columns_of(text);
  if (used < columns) text.append(columns - used, ' ');
  return text;
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

std::string count_of(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

Result<std::string> json_text(const google::protobuf::Message& document, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.always_print_primitive_fields = true;  // "intact": false must not look like "unknown"
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(document, &text, options);
  if (!status.ok()) {
    return fail(ErrorCode::kInternal, "write JSON: {}", std::string(status.message()));
  }
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

Status print_json(const google::protobuf::Message& document, bool pretty) {
  auto text = json_text(document, pretty);
  if (!text) return tl::unexpected(text.error());
  print(*text);
  return {};
}

void print(std::string_view text) {
  // A reader that went away ends us by SIGPIPE, as it should; a full disk has nobody to tell but
  // stderr.
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    warn("cannot write to standard output");
  }
}

int report(const Error& error) {
  warn(error.message);
  return exit_code_of(error.code);
}

void warn(std::string_view message) {
  const std::string line = fmt::format("writ: {}\n", printable(message));
  (void)std::fwrite(line.data(), 1, line.size(), stderr);  // there is nobody else to tell
}

}  // namespace writ::cli
