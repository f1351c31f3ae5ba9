#include "identity/directory.h"

#include <algorithm>
#include <charconv>

#include "identity/name.h"
#include "util/yaml.h"

namespace writ::identity {
namespace {

constexpr std::size_t kMaxScopes = 1000;  // intersect() compares every pair
constexpr std::size_t kMaxEmail = 254;    // RFC 5321 4.5.3.1.3
constexpr std::int64_t kMaxCallsPerMinute = 100'000;
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
    read_accounts(map, user.id);
    map.finish();
    if (directory_.users_.contains(user.id)) {
      map.error("id", fmt::format("user '{}' is there twice", user.id), "remove one of them");
    } else {
      directory_.users_.emplace(user.id, std::move(user));
    }
  }

  void read_accounts(YamlMap& map, const std::string& user) {
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
        map.error("unix", fmt::format("user '{}': {}", user, found.error().message),
                  "create the account, or remove it here; until then nobody can log in as it");
        if (found.error().code == ErrorCode::kNotFound) out_.back().severity = Severity::kWarning;
      }
      if (!uid) continue;
      const auto [entry, added] = directory_.user_by_uid_.emplace(*uid, user);
      if (!added) {
        map.error("unix",
                  fmt::format("account '{}' (uid {}) already belongs to user '{}'", account, *uid,
                              entry->second),
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
        agent.max_tool_calls = static_cast<std::uint64_t>(*calls);
      if (const auto duration = limits.duration_ms("max_duration"))
        agent.max_duration = std::chrono::milliseconds(*duration);
      limits.finish();
    }
    if (const auto mode = map.one_of("mode", {"observe", "enforce"}))
      agent.mode = *mode == "observe" ? Mode::kObserve : Mode::kEnforce;
    map.finish();
    if (directory_.agents_.contains(agent.id)) {
      map.error("id", fmt::format("agent '{}' is there twice", agent.id), "remove one of them");
    } else {
      directory_.agents_.emplace(agent.id, std::move(agent));
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

const User* Directory::user(std::string_view id) const {
  const auto found = users_.find(id);
  return found == users_.end() ? nullptr : &found->second;
}

const User* Directory::user_of_uid(uid_t uid) const {
  const auto found = user_by_uid_.find(uid);
  return found == user_by_uid_.end() ? nullptr : user(found->second);
}

const Agent* Directory::agent(std::string_view id) const {
  const auto found = agents_.find(id);
  return found == agents_.end() ? nullptr : &found->second;
}

}  // namespace writ::identity
