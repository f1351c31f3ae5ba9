#include "identity/exchange_config.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "identity/directory.h"
#include "identity/name.h"
#include "identity/private_file.h"
#include "identity/signing_keys.h"
#include "util/yaml.h"

namespace writ::identity {
namespace {

constexpr std::size_t kMaxAudience = 512;
constexpr std::size_t kMaxExchangeAudiences = 1000;
constexpr std::size_t kMaxSecretFile = 4096;
constexpr std::size_t kMinSecret = 16;  // bytes; a digest of fewer can be searched
constexpr std::int64_t kMinTtlMs = 10'000;
constexpr std::int64_t kMinRotateMs = 3600'000;
constexpr std::int64_t kMaxRotateMs = std::int64_t{366} * 24 * 3600'000;

constexpr const char* kAudienceHint = "write what the service expects as `aud`, without blanks";

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse_digest(std::string_view hex, Sha256& out) {
  if (hex.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = number<unsigned char>(hex.substr(2 * i, 2), 16);
    if (!byte) return false;
    out[i] = *byte;
  }
  return true;
}

// scheme://host[:port]: metadata and keys are found at its root, and `iss` is compared as text.
bool valid_issuer(std::string_view issuer) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!issuer.starts_with(scheme)) continue;
    const std::string_view rest = issuer.substr(scheme.size());
    return !rest.empty() && valid_audience(issuer) && rest.find_first_of("/?#@") == rest.npos;
  }
  return false;
}

}  // namespace

bool valid_audience(std::string_view text) {
  return !text.empty() && text.size() <= kMaxAudience &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

bool is_loopback(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

const std::vector<std::string>& ExchangeConfig::audiences_of(const std::string& tenant,
                                                             const std::string& agent) const {
  const auto own = agents.find({tenant, agent});
  return own == agents.end() ? audiences : own->second;
}

namespace {

class ExchangeConfigReader {
 public:
  ExchangeConfigReader(const std::string& path, Diagnostics& out) : path_(path), out_(out) {}

  ExchangeConfig read(const YAML::Node& root) {
    YamlMap map(root, path_, out_);
    read_listen(map);
    read_socket(map);
    read_issuer(map);
    config_.token_ttl = duration(map, "token_ttl", config_.token_ttl, kMinTtlMs,
                                 std::chrono::milliseconds(kMaxTokenTtl).count(), "10s to 1h");
    config_.rotate_every = duration(map, "rotate_every", config_.rotate_every, kMinRotateMs,
                                    kMaxRotateMs, "1h to 8784h");
    config_.audiences = read_audiences(map);
    map.each("agents", [&](const YAML::Node& node) { read_agent(node); });
    map.each("clients", [&](const YAML::Node& node) { read_client(node); });
    map.finish();
    return std::move(config_);
  }

 private:
  void read_listen(YamlMap& map) {
    const std::string listen = map.required_string("listen");
    if (listen.empty()) return;
    if (listen == "unix") {
      config_.unix_socket = true;
      return;
    }
    const std::size_t colon = listen.rfind(':');
    const auto port = number<std::uint16_t>(colon == listen.npos ? "" : listen.substr(colon + 1));
    std::string host = listen.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!port || *port == 0) {
      map.error("listen", "'listen' must be an address with a port, or unix",
                "write 127.0.0.1:8460, \"[::1]:8460\" or unix");
    } else if (!is_loopback(host)) {
      map.error("listen", "'listen' is not an address of the loopback interface",
                "tokens would cross the network in the clear: listen on 127.0.0.1, \"[::1]\" or "
                "unix, and let a TLS proxy carry it further");
    } else {
      config_.host = host;
      config_.port = *port;
    }
  }

  void read_socket(YamlMap& map) {
    if (!map.has("socket")) return;
    YamlMap socket(map.child("socket"), path_, out_);
    if (const auto mode = socket.string("mode")) {
      const auto bits = number<unsigned>(*mode, 8);
      if (!bits || (*bits & ~0666u) != 0 || (*bits & 0600u) != 0600u) {
        socket.error("mode", "'mode' must be octal, from 0600 to 0666", "mode: \"0660\"");
      } else {
        config_.socket_mode = *bits;
      }
    }
    config_.socket_group = socket.string("group").value_or("");
    if (socket.has("group") && !valid_name(config_.socket_group))
      socket.error("group", "'group' is not the name of a group");
    socket.finish();
    if (!config_.unix_socket)
      map.error("socket", "'socket' says nothing unless 'listen' is unix", "remove it");
  }

  void read_issuer(YamlMap& map) {
    if (const auto issuer = map.string("issuer")) {
      config_.issuer = *issuer;
      if (!valid_issuer(*issuer)) {
        map.error("issuer", "'issuer' must be http(s)://host or http(s)://host:port",
                  "no path, and no slash at the end");
      }
    } else if (config_.unix_socket) {
      map.error("issuer", "'issuer' is missing: a Unix socket has no address that could be it",
                "write the address at which services find /.well-known/jwks.json");
    } else {
      const bool v6 = config_.host.find(':') != std::string::npos;
      config_.issuer =
          fmt::format("http://{}{}{}:{}", v6 ? "[" : "", config_.host, v6 ? "]" : "", config_.port);
    }
  }

  std::chrono::milliseconds duration(YamlMap& map, const char* key, std::chrono::milliseconds usual,
                                     std::int64_t min, std::int64_t max, const char* range) {
    const auto ms = map.duration_ms(key);
    if (!ms) return usual;
    if (*ms < min || *ms > max) map.error(key, fmt::format("'{}' must be from {}", key, range));
    return std::chrono::milliseconds(*ms);
  }

  std::vector<std::string> read_audiences(YamlMap& map) {
    std::vector<std::string> audiences = map.strings("audiences");
    if (audiences.size() > kMaxExchangeAudiences)
      map.error("audiences", fmt::format("more than {} audiences", kMaxExchangeAudiences));
    for (const std::string& audience : audiences) {
      if (!valid_audience(audience))
        map.error("audiences", "'audiences' holds a value that is none", kAudienceHint);
    }
    std::sort(audiences.begin(), audiences.end());
    audiences.erase(std::unique(audiences.begin(), audiences.end()), audiences.end());
    return audiences;
  }

  std::string read_name(YamlMap& map, const char* key, bool required) {
    std::string name =
        required ? map.required_string(key) : map.string(key).value_or(kDefaultTenant);
    if (map.has(key) && !valid_name(name))
      map.error(key, fmt::format("'{}' is not a name that can be used here", key), kNameHint);
    return name;
  }

  void read_agent(const YAML::Node& node) {
    YamlMap map(node, path_, out_);
    const std::string agent = read_name(map, "id", true);
    const std::string tenant = read_name(map, "tenant", false);
    std::vector<std::string> audiences = read_audiences(map);
    if (!map.has("audiences"))
      map.error("audiences", "'audiences' is missing", "audiences: [] lets it have no token");
    map.finish();
    if (!config_.agents.emplace(std::pair(tenant, agent), std::move(audiences)).second) {
      map.error("id", fmt::format("agent '{}' of tenant '{}' is there twice", agent, tenant),
                "put its audiences into one list");
    }
  }

  void read_client(const YAML::Node& node) {
    YamlMap map(node, path_, out_);
    ExchangeClient client{.id = read_name(map, "id", true),
                          .agent = read_name(map, "agent", true),
                          .tenant = read_name(map, "tenant", false),
                          .secret = {}};
    read_secret(map, client);
    map.finish();
    if (!config_.clients.emplace(client.id, client).second) {
      map.error("id", fmt::format("client '{}' is there twice", client.id),
                "a client is one agent of one tenant; give each its own id");
    }
  }

  void read_secret(YamlMap& map, ExchangeClient& client) {
    const auto digest = map.string("secret_sha256");
    const auto file = map.string("secret_file");
    if (digest.has_value() == file.has_value()) {
      map.error("id", "a client has either 'secret_sha256' or 'secret_file'",
                "openssl rand -hex 32 > client.secret; chmod 600 client.secret");
      return;
    }
    if (digest) {
      if (!parse_digest(*digest, client.secret)) {
        map.error("secret_sha256", "'secret_sha256' must be 64 hex digits",
                  "printf %s \"$secret\" | sha256sum");
      }
      return;
    }
    const std::filesystem::path beside = std::filesystem::path(path_).parent_path();
    auto secret = read_private_file(beside / *file, kMaxSecretFile);  // a whole path stays it
    if (!secret) {
      map.error("secret_file", secret.error().message);
      return;
    }
    const std::size_t end = secret->find_last_not_of("\r\n");
    const std::size_t length = end == secret->npos ? 0 : end + 1;
    if (length < kMinSecret) {
      map.error("secret_file", fmt::format("the secret has fewer than {} bytes", kMinSecret),
                "openssl rand -hex 32");
    }
    SHA256(reinterpret_cast<const unsigned char*>(secret->data()), length, client.secret.data());
    OPENSSL_cleanse(secret->data(), secret->size());
  }

  const std::string path_;
  Diagnostics& out_;
  ExchangeConfig config_;
};

}  // namespace

std::optional<ExchangeConfig> exchange_config_from_text(const std::string& path,
                                                        const std::string& text, Diagnostics& out) {
  Diagnostics found;
  std::optional<ExchangeConfig> config;
  if (const auto root = parse_yaml(text, path, found))
    config = ExchangeConfigReader(path, found).read(*root);
  if (has_errors(found)) config.reset();
  out.insert(out.end(), found.begin(), found.end());
  return config;
}

std::optional<ExchangeConfig> load_exchange_config(const std::string& path, Diagnostics& out) {
  const auto text = read_text_file(path);
  if (!text) {
    out.push_back({.file = path, .message = text.error().message});
    return std::nullopt;
  }
  return exchange_config_from_text(path, *text, out);
}

}  // namespace writ::identity
