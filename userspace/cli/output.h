// How the commands speak: text for people, protobuf's JSON for machines, errors on stderr.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace writ::cli {

// Text from outside (a path, a header, a reason) as a terminal may show it: control characters,
// escape sequences, direction overrides and invalid UTF-8 become \xNN.
std::string printable(std::string_view text);

enum class Colour { kGreen, kRed, kYellow, kBold, kDim };

// Colours text, or leaves it as it is; on only for a terminal, and never with NO_COLOR.
class Palette {
 public:
  explicit Palette(bool on) : on_(on) {}
  static Palette for_stdout();
  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

 private:
  bool on_;
};

// Columns as wide as their widest cell, two spaces between them. Cells are made printable.
class Table {
 public:
  explicit Table(std::vector<std::string> head);
  void add(std::vector<std::string> row);
  [[nodiscard]] std::string text(std::string_view indent = "") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// `text` filled with spaces to `columns` terminal columns (a code point counts as one).
std::string pad(std::string text, std::size_t columns);

std::string join(const std::vector<std::string>& parts, std::string_view between);

// "1 record", "3 records".
std::string count_of(std::uint64_t count, std::string_view noun);

// "812 B", "4.2 KiB", "10.0 MiB".
std::string bytes_text(std::uint64_t bytes);

// The document and a newline, on stdout. `pretty` spreads it over lines; not for NDJSON.
[[nodiscard]] Status print_json(const google::protobuf::Message& document, bool pretty);
Result<std::string> json_text(const google::protobuf::Message& document, bool pretty);

void print(std::string_view text);
bool stdout_is_terminal();

// "writ: <message>" on stderr; returns the exit code that fits.
int report(const Error& error);
void warn(std::string_view message);

}  // namespace writ::cli
