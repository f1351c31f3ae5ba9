#include "identity/directory.h"

#include <algorithm>
#include <charconv>

#include "identity/name.h"
#include "util/yaml.h"

namespace writ::identity {
namespace {

constexpr std::int64_t kMaxCallsPerMinute = 100'000;
constexpr std::size_t kMaxMatchRules = 1024;
constexpr std::int64_t kMaxToolCalls = 1'000'000'000;

void check_name(YamlMap& map, const std::string& key, const std::string& name) {
  if (!name.empty() && !valid_name(name))
    map.error(key, fmt::format("'{}' is not a name that can be used here", key), kNameHint);
}

std::vector<std::string> read_names(YamlMap& map, const std::string& key) {
  std::vector<std::string> names = map.strings(key);
  for (const std::string& name : names) {
    if (!valid_name(name))
      map.error(key, fmt::format("'{}' holds a value that is not a name", key), kNameHint);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Scopes read_scopes(YamlMap& map) {
  Scopes scopes = map.strings("scopes");
  if (scopes.size() > kMaxScopes) {
    map.error("scopes", fmt::format("more than {} scopes", kMaxScopes), "use wildcards: crm.*");
    return {};
  }
  for (const std::string& scope : scopes) {
    if (valid_scope(scope)) continue;
    map.error("scopes", "'scopes' holds a value that is not a scope",
              "write words with dots, '*' only as the whole last word: crm.contacts.read, crm.*");
    return {};
  }
  return minimal(std::move(scopes));
}

std::string read_tenant(YamlMap& map) {
  std::string tenant = map.string("tenant").value_or(kDefaultTenant);
  if (tenant.empty()) map.error("tenant", "'tenant' is empty", "leave the key out for 'default'");
  check_name(map, "tenant", tenant);
  return tenant;
}

std::optional<uid_t> numeric_uid(const std::string& text) {
  uid_t uid = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), uid);
  // (uid_t)-1 means "no change" to the kernel and is no one's.
  if (code != std::errc() || end != text.data() + text.size() || uid == static_cast<uid_t>(-1))
    return std::nullopt;
  return uid;
}

bool only_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

// Fills one Directory from the two files.
class DirectoryReader {
 public:
  DirectoryReader(Diagnostics& out, const AccountLookup& accounts)
      : out_(out), accounts_(accounts) {}

  void read_users(const Directory::Source& source) {
    const auto root = parse_yaml(source.text, source.file, out_);
    if (!root) return;
    YamlMap top(*root, source.file, out_);
    require_list(top, "users");
    top.each("users", [&](const YAML::Node& node) { read_user(node, source.file); });
    top.finish();
  }

  void read_agents(const Directory::Source& source) {
    const auto root = parse_yaml(source.text, source.file, out_);
    if (!root) return;
    YamlMap top(*root, source.file, out_);
    require_list(top, "agents");
    top.each("agents", [&](const YAML::Node& node) { read_agent(node, source.file); });
    top.finish();
  }

  Directory take() { return std::move(directory_); }

 private:
  static void require_list(YamlMap& top, const std::string& key) {
    if (!top.has(key)) top.error(key, fmt::format("'{}' is missing", key));
  }

  void read_user(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, out_);
    User user{.id = map.required_string("id"), .tenant = read_tenant(map)};
    check_name(map, "id", user.id);
    user.email = map.string("email").value_or("");
    const bool printable = std::all_of(user.email.begin(), user.email.end(),
                                       [](char c) { return c > ' ' && c != '\x7f'; });
    if (!printable || user.email.size() > kMaxEmail)
      map.error("email", "'email' must be one address without spaces");
    user.roles = read_names(map, "roles");
    user.scopes = read_scopes(map);
    if (map.has("limits")) {
      YamlMap limits(map.child("limits"), file, out_);
      if (const auto calls = limits.integer("calls_per_minute", 1, kMaxCallsPerMinute))
        user.calls_per_minute = static_cast<std::uint32_t>(*calls);
      limits.finish();
    }
    user.admin = map.boolean("admin").value_or(false);
    read_accounts(map, user);
    map.finish();
    const std::string id = user.id;
    const std::string tenant = user.tenant;
    if (!directory_.tenants_[tenant].users.emplace(id, std::move(user)).second) {
      map.error("id", fmt::format("user '{}' is there twice in tenant '{}'", id, tenant),
                "remove one of them");
    }
  }

  void read_accounts(YamlMap& map, const User& user) {
    for (const std::string& account : map.strings("unix")) {
      std::optional<uid_t> uid;
      if (only_digits(account)) {
        uid = numeric_uid(account);
        if (!uid) map.error("unix", fmt::format("{} is not a uid", account));
      } else if (!valid_name(account)) {
        map.error("unix", "'unix' holds a value that is neither an account name nor a uid");
      } else if (const Result<uid_t> found = accounts_(account)) {
        uid = *found;
      } else {
        map.error("unix", fmt::format("user '{}': {}", user.id, found.error().message),
                  "create the account, or remove it here; until then nobody can log in as it");
        if (found.error().code == ErrorCode::kNotFound) out_.back().severity = Severity::kWarning;
      }
      if (!uid) continue;
      const auto [entry, added] =
          directory_.user_by_uid_.emplace(*uid, Directory::Owner{user.tenant, user.id});
      if (!added) {
        map.error("unix",
                  fmt::format("account '{}' (uid {}) already belongs to user '{}' of tenant '{}'",
                              account, *uid, entry->second.id, entry->second.tenant),
                  "one account stands for one person");
      }
    }
  }

  void read_agent(const YAML::Node& node, const std::string& file) {
    YamlMap map(node, file, out_);
    Agent agent{.id = map.required_string("id"), .tenant = read_tenant(map)};
    check_name(map, "id", agent.id);
    agent.scopes = read_scopes(map);
    if (map.has("limits")) {
      YamlMap limits(map.child("limits"), file, out_);
      if (const auto calls = limits.integer("max_tool_calls", 0, kMaxToolCalls))
        agent.limits.max_tool_calls = static_cast<std::uint64_t>(*calls);
      if (const auto duration = limits.duration_ms("max_duration"))
        agent.limits.max_duration = std::chrono::milliseconds(*duration);
      if (const auto calls = limits.integer("calls_per_minute", 1, kMaxCallsPerMinute))
        agent.limits.calls_per_minute = static_cast<std::uint32_t>(*calls);
      limits.finish();
    }
    if (const auto mode = map.one_of("mode", {"observe", "enforce"}))
      agent.mode = *mode == "observe" ? Mode::kObserve : Mode::kEnforce;
    if (const auto ttl = map.duration_ms("ttl")) {
      agent.ttl = std::chrono::milliseconds(*ttl);
      if (*agent.ttl <= std::chrono::milliseconds(0) || *agent.ttl > kMaxTtl)
        map.error("ttl", "'ttl' must be over 0 and at most 720h");
    }
    if (const auto depth = map.integer("max_depth", 0, kMaxDepth))
      agent.max_depth = static_cast<std::uint32_t>(*depth);
    map.each("match", [&](const YAML::Node& each) {
      MatchRule rule = read_match_rule(each, file, out_);
      rule.tenant = agent.tenant;
      rule.agent = agent.id;
      if (!rule.user.empty() && directory_.user(rule.tenant, rule.user) == nullptr) {
        add_error(out_, file, each,
                  fmt::format("there is no user '{}' in tenant '{}'", rule.user, rule.tenant));
      }
      if (directory_.match_rules_.size() == kMaxMatchRules) {
        add_error(out_, file, each, fmt::format("more than {} match rules", kMaxMatchRules));
      } else {
        directory_.match_rules_.push_back(std::move(rule));
      }
    });
    map.finish();
    const std::string id = agent.id;
    const std::string tenant = agent.tenant;
    if (!directory_.tenants_[tenant].agents.emplace(id, std::move(agent)).second) {
      map.error("id", fmt::format("agent '{}' is there twice in tenant '{}'", id, tenant),
                "remove one of them");
    }
  }

  Diagnostics& out_;
  const AccountLookup& accounts_;
  Directory directory_;
};

std::optional<Directory> Directory::load_from_text(const Source& users, const Source& agents,
                                                   Diagnostics& out,
                                                   const AccountLookup& accounts) {
  Diagnostics found;
  DirectoryReader reader(found, accounts);
  reader.read_users(users);
  reader.read_agents(agents);
  const bool failed = has_errors(found);
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return std::nullopt;
  return reader.take();
}

std::optional<Directory> Directory::load(const std::string& users_path,
                                         const std::string& agents_path, Diagnostics& out,
                                         const AccountLookup& accounts) {
  const Result<std::string> users = read_text_file(users_path);
  const Result<std::string> agents = read_text_file(agents_path);
  if (!users) out.push_back({.file = users_path, .message = users.error().message});
  if (!agents) out.push_back({.file = agents_path, .message = agents.error().message});
  if (!users || !agents) return std::nullopt;
  return load_from_text({users_path, *users}, {agents_path, *agents}, out, accounts);
}

namespace {

template <class Table>
const typename Table::mapped_type* find_in(const Table& table, std::string_view id) {
  const auto found = table.find(id);
  return found == table.end() ? nullptr : &found->second;
}

// A name that somebody asked for, fit for a message.
std::string_view shown(std::string_view name) { return valid_name(name) ? name : "?"; }

// What was found under one id, when it is one thing.
template <class T>
Result<const T*> only_one(const char* what, const std::vector<const T*>& found,
                          std::string_view tenant, std::string_view id) {
  if (found.size() == 1) return found.front();
  if (found.empty() && !tenant.empty()) {
    return fail(ErrorCode::kNotFound, "there is no {} '{}' in tenant '{}'", what, shown(id),
                shown(tenant));
  }
  if (found.empty()) return fail(ErrorCode::kNotFound, "there is no {} '{}'", what, shown(id));
  std::string tenants;
  for (const T* each : found) tenants += (tenants.empty() ? "" : ", ") + each->tenant;
  return fail(ErrorCode::kInvalid, "{} '{}' is in several tenants (say --tenant: {})", what, id,
              tenants);
}

}  // namespace

const User* Directory::user(std::string_view tenant, std::string_view id) const {
  const Tenant* found = find_in(tenants_, tenant);
  return found == nullptr ? nullptr : find_in(found->users, id);
}

const User* Directory::user_of_uid(uid_t uid) const {
  const auto found = user_by_uid_.find(uid);
  return found == user_by_uid_.end() ? nullptr : user(found->second.tenant, found->second.id);
}

const Agent* Directory::agent(std::string_view tenant, std::string_view id) const {
  const Tenant* found = find_in(tenants_, tenant);
  return found == nullptr ? nullptr : find_in(found->agents, id);
}

Result<const User*> Directory::find_user(std::string_view tenant, std::string_view id) const {
  std::vector<const User*> found;
  for (const auto& [name, each] : tenants_) {
    if (!tenant.empty() && name != tenant) continue;
    if (const User* one = find_in(each.users, id)) found.push_back(one);
  }
  return only_one("user", found, tenant, id);
}

Result<const Agent*> Directory::find_agent(std::string_view tenant, std::string_view id) const {
  std::vector<const Agent*> found;
  for (const auto& [name, each] : tenants_) {
    if (!tenant.empty() && name != tenant) continue;
    if (const Agent* one = find_in(each.agents, id)) found.push_back(one);
  }
  return only_one("agent", found, tenant, id);
}

}  // namespace writ::identity
