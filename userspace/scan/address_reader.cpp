#include <algorithm>
#include <array>

#include "scan/chars.h"
#include "scan/readers.h"

namespace writ::scan {
namespace {

constexpr std::size_t kMaxLocal = 64;    // RFC 5321, 4.5.3.1.1
constexpr std::size_t kMaxDomain = 128;  // RFC 5321 allows 255; no address of a person needs it
constexpr std::size_t kMaxLabel = 63;

constexpr bool is_local(char c) {
  return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

// Last labels that say "file" or "unit" where an '@' stands in a file name: icon@2x.png,
// getty@tty1.service. None of them is a top-level domain.
constexpr std::array<std::string_view, 35> kFileSuffixes = {
    "cfg", "conf",   "css", "dll",   "exe",   "gif",     "gz",    "htm",    "html",
    "ini", "jpeg",   "jpg", "js",    "json",  "jsx",     "lock",  "log",    "map",
    "mjs", "mount",  "pdf", "png",   "scope", "service", "slice", "socket", "svg",
    "tar", "target", "tgz", "timer", "ts",    "tsx",     "txt",   "webp"};

bool all_of(std::string_view text, bool (*is)(char)) {
  return std::all_of(text.begin(), text.end(), is);
}

bool is_top_level(std::string_view label) {
  if (label.size() < 2 || label.size() > 24) return false;
  std::array<char, 24> lower{};
  std::transform(label.begin(), label.end(), lower.begin(), to_lower);
  const std::string_view name(lower.data(), label.size());
  if (name.starts_with("xn--")) return true;
  return all_of(name, is_alpha) &&
         std::find(kFileSuffixes.begin(), kFileSuffixes.end(), name) == kFileSuffixes.end();
}

// One past the end of the domain that starts at `begin`; 0: there is none.
std::size_t domain_end(std::string_view window, std::size_t begin) {
  std::size_t at = begin;
  std::size_t labels = 0;
  bool version = true;  // the first two labels are numbers: package@1.2.3
  std::string_view last;
  for (;;) {
    std::size_t end = at;
    while (end < window.size() && end - at <= kMaxLabel &&
           (is_alnum(window[end]) || window[end] == '-'))
      ++end;
    while (end > at && window[end - 1] == '-') --end;
    const std::string_view label = window.substr(at, end - at);
    if (label.empty() || label.size() > kMaxLabel || !is_alnum(label[0])) return 0;
    if (end - begin > kMaxDomain) return 0;
    if (labels < 2 && !all_of(label, is_digit)) version = false;
    last = label;
    at = end;
    ++labels;
    // A dot goes on only before another label: the one that ends a sentence is not of the domain.
    if (at + 1 >= window.size() || window[at] != '.' || !is_alnum(window[at + 1])) break;
    ++at;
  }
  if (labels < 2 || version || !is_top_level(last)) return 0;
  return at;
}

// Whether `begin` lies in the userinfo of a URL: https://user:password@host.
bool in_userinfo(std::string_view window, std::size_t begin) {
  std::size_t at = begin;
  const std::size_t floor = begin > kMaxLocal ? begin - kMaxLocal : 0;
  while (at > floor && (is_local(window[at - 1]) || window[at - 1] == ':')) --at;
  return at >= 2 && window[at - 1] == '/' && window[at - 2] == '/';
}

}  // namespace

// The trigger is one character of the local part, the '@', one character of the domain.
std::optional<Span> read_email(std::string_view window, std::size_t trigger_end) {
  if (trigger_end < 3 || window[trigger_end - 2] != '@') return std::nullopt;
  const std::size_t at_sign = trigger_end - 2;
  std::size_t begin = at_sign;
  while (begin > 0 && is_local(window[begin - 1])) {
    if (window[begin - 1] == '.' && window[begin] == '.') break;
    --begin;
    if (at_sign - begin > kMaxLocal) return std::nullopt;
  }
  // The n of a JSON \n before the address is not its first letter.
  if (begin > 0 && window[begin - 1] == '\\' && starts_clean(window, begin + 1)) ++begin;
  while (begin < at_sign && !is_alnum(window[begin]) && window[begin] != '_') ++begin;
  if (begin == at_sign || window[at_sign - 1] == '.') return std::nullopt;
  if (begin > 0 && window[begin - 1] == '@') return std::nullopt;  // @user@host: a handle
  const std::size_t end = domain_end(window, at_sign + 1);
  if (end == 0 || in_userinfo(window, begin)) return std::nullopt;
  if (end < window.size() && (window[end] == '_' || window[end] == '@')) return std::nullopt;
  // git@host:owner/name is where a repository lives, not who somebody is.
  const bool path_follows = end + 1 < window.size() && window[end] == ':' &&
                            (is_alnum(window[end + 1]) || window[end + 1] == '/');
  if (path_follows && window.substr(begin, at_sign - begin) == "git") return std::nullopt;
  return Span{begin, end};
}

}  // namespace writ::scan
