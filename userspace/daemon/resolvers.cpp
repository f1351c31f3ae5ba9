#include "daemon/resolvers.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>

namespace writ::daemon {
namespace {

constexpr std::size_t kMaxResolvConf = 64u << 10;
constexpr std::string_view kBlanks = " \t\r";

writ_address mapped(const in_addr& ipv4) {
  writ_address address = {};
  address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(address.bytes + 12, &ipv4, sizeof ipv4);
  return address;
}

// `text`: with or without the interface of a link-local one ("fe80::1%eth0").
std::optional<writ_address> read_address(std::string text) {
  in_addr ipv4 = {};
  if (inet_aton(text.c_str(), &ipv4) != 0) return mapped(ipv4);
  text = text.substr(0, text.find('%'));
  writ_address address = {};
  if (inet_pton(AF_INET6, text.c_str(), address.bytes) != 1) return std::nullopt;
  return address;
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino && one.st_size == other.st_size &&
         one.st_mtim.tv_sec == other.st_mtim.tv_sec && one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

}  // namespace

std::vector<writ_address> read_resolvers(std::string_view resolv_conf) {
  constexpr std::string_view kKey = "nameserver";
  std::vector<writ_address> found;
  while (!resolv_conf.empty() && found.size() < WRIT_RESOLVERS_MAX) {
    std::string_view line = resolv_conf.substr(0, resolv_conf.find('\n'));
    resolv_conf.remove_prefix(std::min(resolv_conf.size(), line.size() + 1));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    const std::size_t begin = line.find_first_not_of(kBlanks);
    if (begin == 0 || begin == std::string_view::npos) continue;
    line.remove_prefix(begin);
    const auto address = read_address(std::string(line.substr(0, line.find_first_of(kBlanks))));
    if (address) found.push_back(*address);
  }
  if (!found.empty()) return found;
  const in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
  writ_address loopback6 = {};
  std::memcpy(loopback6.bytes, &in6addr_loopback, sizeof in6addr_loopback);
  return {mapped(loopback), loopback6};
}

std::string to_text(const std::vector<writ_address>& resolvers) {
  std::string text;
  for (const writ_address& resolver : resolvers) {
    in6_addr address = {};
    std::memcpy(&address, resolver.bytes, sizeof address);
    const bool ipv4 = IN6_IS_ADDR_V4MAPPED(&address);
    char one[INET6_ADDRSTRLEN] = {};
    // (void): the buffer is long enough for every address.
    (void)inet_ntop(ipv4 ? AF_INET : AF_INET6, resolver.bytes + (ipv4 ? 12 : 0), one, sizeof one);
    text += fmt::format("{}{}", text.empty() ? "" : ", ", one);
  }
  return text;
}

bool Resolvers::look() {
  struct stat now = {};
  // One that is not there has the zeroes of a file that was never seen.
  if (stat(path_.c_str(), &now) != 0) now = {};
  if (looked_ && same_file(now, seen_)) return false;
  looked_ = true;
  seen_ = now;
  std::string text(kMaxResolvConf, '\0');
  std::ifstream file(path_, std::ios::binary);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  readable_ = file.gcount() > 0;
  addresses_ = read_resolvers(text);
  return true;
}

std::string Resolvers::source() const {
  return readable_ ? path_ : fmt::format("{} cannot be read, so the default", path_);
}

}  // namespace writ::daemon
