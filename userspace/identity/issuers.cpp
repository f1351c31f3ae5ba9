#include "identity/issuers.h"

#include <algorithm>
#include <set>

#include "identity/directory.h"
#include "identity/http_url.h"
#include "identity/name.h"
#include "identity/printable.h"
#include "util/yaml.h"

namespace writ::identity {
namespace {

constexpr std::size_t kMaxIssuerAudiences = 32;
constexpr std::size_t kMaxEntries = 1000;  // of tenants, role_scopes, scope_prefixes
constexpr std::size_t kMaxPaths = 8;
constexpr std::int64_t kMaxLeewayMs = 600'000;
constexpr std::int64_t kMaxKeysValidMs = 30ll * 24 * 3600 * 1000;

bool replaceable(const std::string& text) {
  return text.size() == 1 && text[0] > ' ' && text[0] <= '~';
}

// Fills one Issuer from its mapping.
class IssuerReader {
 public:
  IssuerReader(const YAML::Node& node, const std::string& file, Diagnostics& out)
      : map_(node, file, out), out_(out) {}

  Issuer read() {
    issuer_.id = map_.required_string("id");
    check_name("id", issuer_.id);
    read_addresses();
    read_audiences();
    read_algorithms();
    read_claims();
    read_tenants();
    read_grants();
    read_times();
    if (const auto file = map_.string("ca_file")) {
      if (file->empty() || file->front() != '/')
        map_.error("ca_file", "'ca_file' must be a full path");
      issuer_.ca_file = *file;
    }
    map_.finish();
    return std::move(issuer_);
  }

  void error(const std::string& key, std::string message, std::string hint = "") {
    map_.error(key, std::move(message), std::move(hint));
  }

 private:
  void check_name(const std::string& key, const std::string& name) {
    if (!name.empty() && !valid_name(name)) {
      map_.error(key, fmt::format("{} is not a name that can be used here", printable(name)),
                 kNameHint);
    }
  }

  void check_url(const std::string& key, const std::string& url) {
    if (url.empty()) return;
    if (const auto parsed = parse_http_url(url); !parsed) map_.error(key, parsed.error().message);
  }

  void read_addresses() {
    issuer_.issuer = map_.required_string("issuer");
    check_url("issuer", issuer_.issuer);
    if (issuer_.issuer.find('?') != std::string::npos) {  // OpenID Connect Discovery 1.0, 2
      map_.error("issuer", "'issuer' cannot hold a query");
    }
    if (const auto uri = map_.string("jwks_uri")) {
      issuer_.jwks_uri = *uri;
      if (uri->empty()) map_.error("jwks_uri", "'jwks_uri' is empty", "leave it out for discovery");
      check_url("jwks_uri", *uri);
    }
  }

  void read_audiences() {
    issuer_.audiences = map_.strings("audience");
    const bool hollow = std::any_of(issuer_.audiences.begin(), issuer_.audiences.end(),
                                    [](const std::string& audience) { return audience.empty(); });
    if (issuer_.audiences.empty() || hollow || issuer_.audiences.size() > kMaxIssuerAudiences) {
      map_.error("audience",
                 fmt::format("'audience' must name 1 to {} audiences", kMaxIssuerAudiences),
                 "write what this issuer puts into `aud` of tokens that are meant for Writ");
    }
  }

  void read_algorithms() {
    if (!map_.has("algorithms")) {
      (void)map_.strings("algorithms");  // so that finish() and hints know the key
      issuer_.algorithms.assign(kAllAlgorithms.begin(), kAllAlgorithms.end());
      return;
    }
    for (const std::string& name : map_.strings("algorithms")) {
      const auto algorithm = algorithm_named(name);
      if (!algorithm) {
        map_.error("algorithms",
                   fmt::format("{} is not an algorithm for tokens of people", printable(name)),
                   "it is one of: RS256, PS256, ES256, EdDSA");
      } else {
        issuer_.algorithms.push_back(*algorithm);
      }
    }
    if (issuer_.algorithms.empty())
      map_.error("algorithms", "'algorithms' allows none", "leave it out for all four");
  }

  std::optional<ClaimPath> path(YamlMap& map, const std::string& key, const std::string& text) {
    auto parsed = ClaimPath::parse(text);
    if (!parsed) {
      map.error(key, parsed.error().message, R"(write name, outer.inner, or '"name.with.dots"')");
      return std::nullopt;
    }
    return std::move(*parsed);
  }

  void read_path(YamlMap& map, const std::string& key, const char* standard, ClaimPath& to) {
    if (auto parsed = path(map, key, map.string(key).value_or(standard))) to = std::move(*parsed);
  }

  void read_paths(YamlMap& map, const std::string& key, std::vector<std::string> standard,
                  std::vector<ClaimPath>& to) {
    std::vector<std::string> texts = map.strings(key);
    if (!map.has(key)) texts = std::move(standard);
    if (texts.size() > kMaxPaths)
      map.error(key, fmt::format("'{}' names more than {} claims", key, kMaxPaths));
    for (const std::string& text : texts) {
      if (auto parsed = path(map, key, text)) to.push_back(std::move(*parsed));
    }
  }

  void read_claims() {
    const YAML::Node given = map_.child("claims");
    YamlMap claims(given.IsDefined() ? given : YAML::Node(YAML::NodeType::Map), map_.file(), out_);
    read_path(claims, "user_id", "sub", issuer_.claims.user_id);
    read_path(claims, "email", "email", issuer_.claims.email);
    if (const auto tenant = claims.string("tenant"))
      issuer_.claims.tenant = path(claims, "tenant", *tenant);
    read_paths(claims, "roles", {"roles"}, issuer_.claims.roles);
    read_paths(claims, "scopes", {"scope", "scp"}, issuer_.claims.scopes);
    read_replacements(claims);
    claims.finish();
  }

  void read_replacements(YamlMap& claims) {
    std::set<std::string> targets;
    each_pair(claims, "user_id_replace", [&](const std::string& from, const YAML::Node& value) {
      const std::string to = value.IsScalar() ? value.Scalar() : "";
      // Exchanging only what a name cannot hold, for marks that differ: no two people become one.
      if (!replaceable(from) || valid_name("a" + from) || !replaceable(to) ||
          !valid_name("a" + to) || !targets.insert(to).second) {
        claims.error("user_id_replace",
                     "'user_id_replace' exchanges one character that a name cannot hold for one "
                     "that it can, each for another",
                     R"(write {"|": ":"})");
        return;
      }
      issuer_.claims.user_id_replace[from[0]] = to[0];
    });
  }

  void each_pair(YamlMap& map, const std::string& key,
                 const std::function<void(const std::string&, const YAML::Node&)>& use) {
    const YAML::Node node = map.child(key);
    if (!node.IsDefined() || node.IsNull()) return;
    if (!node.IsMap() || node.size() > kMaxEntries) {
      map.error(key, fmt::format("'{}' must be a mapping of at most {} entries", key, kMaxEntries));
      return;
    }
    for (const auto& entry : node) use(entry.first.Scalar(), entry.second);
  }

  void read_tenants() {
    const auto fixed = map_.string("tenant");
    const YAML::Node list = map_.child("tenants");
    if (list.IsDefined() && list.IsMap()) {
      each_pair(map_, "tenants", [&](const std::string& value, const YAML::Node& tenant) {
        issuer_.tenants[value] = tenant.IsScalar() ? tenant.Scalar() : "";
      });
    } else {
      for (const std::string& tenant : map_.strings("tenants")) issuer_.tenants[tenant] = tenant;
    }
    for (const auto& [value, tenant] : issuer_.tenants) {
      if (value.empty() || !valid_name(tenant))
        map_.error("tenants", "'tenants' holds something that is not a tenant's name", kNameHint);
    }
    const bool by_claim = issuer_.claims.tenant.has_value();
    if (by_claim == issuer_.tenants.empty()) {
      map_.error("tenants", "'claims.tenant' and 'tenants' go together",
                 "say in which claim the tenant stands, and which tenants this issuer may name");
    }
    if (by_claim && fixed) {
      map_.error("tenant", "'tenant' and 'claims.tenant' are both there", "remove one of them");
    }
    if (by_claim) return;
    issuer_.tenant = fixed.value_or(kDefaultTenant);
    if (issuer_.tenant.empty()) map_.error("tenant", "'tenant' is empty");
    check_name("tenant", issuer_.tenant);
  }

  void read_grants() {
    each_pair(map_, "role_scopes", [&](const std::string& role, const YAML::Node& value) {
      Scopes scopes;
      if (value.IsScalar()) scopes.push_back(value.Scalar());
      if (value.IsSequence()) {
        for (const auto& scope : value) scopes.push_back(scope.IsScalar() ? scope.Scalar() : "");
      }
      const bool good = std::all_of(scopes.begin(), scopes.end(),
                                    [](const std::string& scope) { return valid_scope(scope); });
      if (scopes.empty() || !good || scopes.size() > kMaxScopes) {
        add_error(out_, map_.file(), value,
                  fmt::format("role {} must grant 1 to {} scopes", printable(role), kMaxScopes),
                  "write words with dots, '*' only as the whole last word: crm.contacts.read, "
                  "crm.*");
        return;
      }
      issuer_.role_scopes[role] = minimal(std::move(scopes));
    });
    each_pair(map_, "scope_prefixes", [&](const std::string& from, const YAML::Node& to) {
      const bool plain =
          to.IsNull() || (to.IsScalar() && to.Scalar().find('*') == std::string::npos);
      if (from.empty() || !plain) {
        map_.error("scope_prefixes", "'scope_prefixes' exchanges a prefix for another without '*'",
                   R"(write {"api://writ/": ""})");
        return;
      }
      issuer_.scope_prefixes[from] = to.IsNull() ? "" : to.Scalar();
    });
  }

  // In whole seconds, as the times in tokens are.
  std::optional<std::chrono::seconds> seconds(const std::string& key, std::int64_t least_ms,
                                              std::int64_t most_ms) {
    const auto ms = map_.duration_ms(key);
    if (!ms) return std::nullopt;
    if (*ms < least_ms || *ms > most_ms || *ms % 1000 != 0) {
      map_.error(key, fmt::format("'{}' must be {} s to {} s, in whole seconds", key,
                                  least_ms / 1000, most_ms / 1000));
      return std::nullopt;
    }
    return std::chrono::seconds(*ms / 1000);
  }

  void read_times() {
    issuer_.leeway = seconds("leeway", 0, kMaxLeewayMs).value_or(issuer_.leeway);
    issuer_.max_token_age = seconds("max_token_age", 1000, kMaxKeysValidMs);
    issuer_.keys_valid_for =
        seconds("keys_valid_for", 300'000, kMaxKeysValidMs).value_or(issuer_.keys_valid_for);
  }

  YamlMap map_;
  Diagnostics& out_;
  Issuer issuer_;
};

}  // namespace

std::optional<Issuers> Issuers::load_from_text(const std::string& file, const std::string& text,
                                               Diagnostics& out) {
  Diagnostics found;
  Issuers issuers;
  if (const auto root = parse_yaml(text, file, found)) {
    YamlMap top(*root, file, found);
    if (!top.has("issuers")) top.error("issuers", "'issuers' is missing");
    top.each("issuers", [&](const YAML::Node& node) {
      IssuerReader reader(node, file, found);
      Issuer issuer = reader.read();
      for (const Issuer& other : issuers.all_) {
        if (other.id == issuer.id)
          reader.error("id", fmt::format("issuer {} is there twice", printable(issuer.id)));
        if (other.issuer == issuer.issuer) {
          reader.error("issuer",
                       fmt::format("issuer {} already belongs to {}", printable(issuer.issuer),
                                   printable(other.id)),
                       "list its audiences in one entry");
        }
      }
      issuers.all_.push_back(std::move(issuer));
    });
    if (issuers.all_.size() > kMax) top.error("issuers", fmt::format("more than {} issuers", kMax));
    top.finish();
  }
  const bool failed = has_errors(found);
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return std::nullopt;
  return issuers;
}

std::optional<Issuers> Issuers::load(const std::string& path, Diagnostics& out) {
  const Result<std::string> text = read_text_file(path);
  if (!text) {
    out.push_back({.file = path, .message = text.error().message});
    return std::nullopt;
  }
  return load_from_text(path, *text, out);
}

const Issuer* Issuers::find(std::string_view iss) const {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Issuer& issuer) { return issuer.issuer == iss; });
  return found == all_.end() ? nullptr : &*found;
}

}  // namespace writ::identity
