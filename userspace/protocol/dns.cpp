#include "protocol/dns.h"

#include <arpa/nameser.h>

#include <algorithm>
#include <map>

namespace writ::protocol {
namespace {

// Records of an answer that are looked at, and names that a chain may have. Resolvers follow 8 to
// 16 links.
constexpr int kMaxDnsRecords = 256;
constexpr std::size_t kMaxDnsChain = 16;

constexpr std::size_t kDnsHeader = 12;

// In lower case; empty: none of a host.
std::string host_name(std::string_view text) {
  while (text.ends_with('.')) text.remove_suffix(1);
  std::string name;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
                      lower == '-' || lower == '_' || lower == '.';
    if (!good) return {};
    name += lower;
  }
  return name;
}

// What the CNAME records of the answer make of a name.
struct Link {
  std::string to;
  std::chrono::seconds ttl;
};

struct Records {
  std::map<std::string, Link> links;                   // by the name that is another one's
  std::vector<std::pair<std::string, DnsAddress>> of;  // addresses, by name
};

std::optional<IpAddress> address_in(const ns_rr& record) {
  IpAddress address = {};
  if (ns_rr_type(record) == ns_t_a && ns_rr_rdlen(record) == NS_INADDRSZ) {
    address[10] = address[11] = 0xff;
    std::copy_n(ns_rr_rdata(record), NS_INADDRSZ, address.begin() + 12);
    return address;
  }
  if (ns_rr_type(record) == ns_t_aaaa && ns_rr_rdlen(record) == NS_IN6ADDRSZ) {
    std::copy_n(ns_rr_rdata(record), NS_IN6ADDRSZ, address.begin());
    return address;
  }
  return std::nullopt;
}

// Its TTL has 31 bits (RFC 2181 section 8): one with the highest bit set counts as 0.
std::chrono::seconds ttl_of(const ns_rr& record) {
  const std::uint32_t ttl = ns_rr_ttl(record);
  return std::chrono::seconds(ttl > 0x7fffffffu ? 0 : ttl);
}

// False: a record is malformed.
bool read_records(ns_msg& parsed, Records& records) {
  const int count = std::min<int>(ns_msg_count(parsed, ns_s_an), kMaxDnsRecords);
  for (int i = 0; i < count; ++i) {
    ns_rr record;
    if (ns_parserr(&parsed, ns_s_an, i, &record) != 0) return false;
    if (ns_rr_class(record) != ns_c_in) continue;
    const std::string name = host_name(ns_rr_name(record));
    if (name.empty()) continue;
    if (ns_rr_type(record) == ns_t_cname) {
      char target[NS_MAXDNAME];
      if (ns_name_uncompress(ns_msg_base(parsed), ns_msg_end(parsed), ns_rr_rdata(record), target,
                             sizeof target) < 0) {
        return false;
      }
      records.links.emplace(name, Link{.to = host_name(target), .ttl = ttl_of(record)});
    } else if (const auto address = address_in(record)) {
      records.of.emplace_back(name, DnsAddress{.address = *address, .ttl = ttl_of(record)});
    }
  }
  return true;
}

}  // namespace

std::optional<DnsAnswer> read_dns_answer(std::string_view message) {
  if (message.size() < kDnsHeader || message.size() > NS_MAXMSG) return std::nullopt;
  ns_msg parsed;
  ns_rr question;
  if (ns_initparse(reinterpret_cast<const unsigned char*>(message.data()),
                   static_cast<int>(message.size()), &parsed) != 0 ||
      ns_msg_getflag(parsed, ns_f_qr) != 1 || ns_msg_getflag(parsed, ns_f_opcode) != ns_o_query ||
      ns_msg_count(parsed, ns_s_qd) != 1 || ns_parserr(&parsed, ns_s_qd, 0, &question) != 0 ||
      ns_rr_class(question) != ns_c_in) {
    return std::nullopt;
  }
  DnsAnswer answer{.name = host_name(ns_rr_name(question)), .addresses = {}};
  Records records;
  if (answer.name.empty() || !read_records(parsed, records)) return std::nullopt;
  if (ns_msg_getflag(parsed, ns_f_rcode) != ns_r_noerror) return answer;

  std::string name = answer.name;
  std::chrono::seconds shortest = std::chrono::seconds::max();
  for (std::size_t followed = 0; followed <= kMaxDnsChain; ++followed) {
    for (const auto& [owner, address] : records.of) {
      if (owner != name || answer.addresses.size() == kMaxDnsAddresses) continue;
      answer.addresses.push_back(
          {.address = address.address, .ttl = std::min(shortest, address.ttl)});
    }
    const auto link = records.links.find(name);
    if (link == records.links.end() || link->second.to.empty()) break;
    shortest = std::min(shortest, link->second.ttl);
    name = link->second.to;
    records.links.erase(link);  // a chain that comes back ends
  }
  return answer;
}

}  // namespace writ::protocol
