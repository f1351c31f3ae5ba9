// Readers decide whether the bytes around a trigger really are a card, an IBAN, an SSN, an address.
//
// A rule's pattern is only a cheap trigger that says "look here"; a reader looks around the place
// where it ended, finds where the value starts and ends, and checks it. A reader is a pure function
// of its window, which is what makes a scan's result the same however the bytes were split.
//
// A window holds up to kBehind bytes before the end of the trigger and up to kAhead behind it; it
// is shorter only where the message itself starts or ends. No reader looks further than that.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace writ::scan {

inline constexpr std::size_t kBehind = 512;
inline constexpr std::size_t kAhead = 160;

// A rule with an anchor is searched for from kAnchorBehind before it to kAhead behind it. Anchors
// up to kReach apart share one search, so that a flood of them costs a bounded number of looks a
// byte.
inline constexpr std::size_t kAnchorBehind = 256;
inline constexpr std::size_t kReach = 96;
static_assert(kAnchorBehind + kReach <= kBehind);

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;  // one past the last byte
};

using Reader = std::optional<Span> (*)(std::string_view window, std::size_t trigger_end);

// Payment cards: Luhn, and a number range and length that an issuer uses. Contiguous, or printed
// in groups (4-4-4-4, 4-6-5, 4-6-4) with one kind of separator: blank, '+' (a form's blank) or '-'.
std::optional<Span> read_card(std::string_view window, std::size_t trigger_end);

// IBANs: a registered country with its length, mod 97 = 1, contiguous or in groups of four.
std::optional<Span> read_iban(std::string_view window, std::size_t trigger_end);

// US social security numbers as ddd-dd-dddd with an area, group and serial that can be issued.
std::optional<Span> read_ssn(std::string_view window, std::size_t trigger_end);

// Mail addresses. Not: the userinfo of a URL, git@host:path, package@1.2.3, icon@2x.png.
std::optional<Span> read_email(std::string_view window, std::size_t trigger_end);

// Sample of a match, with most of it hidden.
using Masker = std::string (*)(std::string_view match);

struct Validator {
  std::string_view name;  // as in the rule file's `validate:`
  Reader read;
  Masker mask;
};

// nullptr: there is none of that name.
const Validator* find_validator(std::string_view name);
std::string validator_names();

// Whether a value can start at `at`: no letter or digit stands directly before it, where the letter
// of a JSON escape (the n of \n) does not count as one.
bool starts_clean(std::string_view window, std::size_t at);
// Whether a value can end at `at` (one past its last byte).
bool ends_clean(std::string_view window, std::size_t at);

}  // namespace writ::scan
