#include "policy/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "identity/name.h"
#include "policy/made_up_name.h"
#include "policy/seen_paths.h"

namespace writ::policy {
namespace {

// From here on the kernel gives out ports by chance (ip_local_port_range), so that a service that
// is there today is behind another one tomorrow.
constexpr std::uint16_t kFirstEphemeral = 32768;
constexpr std::size_t kMaxPrefix = 40;

using Seen = std::pair<const ObservedCall, Observations::Count>;
using SeenCalls = std::vector<const Seen*>;

struct Draft {
  SuggestedTool tool;
  SeenCalls made_from;
};

auto key(const ObservedCall& call) {
  const ToolCall& request = call.request;
  return std::tie(call.tool, request.host, request.destination.port, request.method, request.path,
                  request.destination.address, request.protocol, call.agent, call.effect,
                  call.scopes, call.captures, call.left_out);
}

std::optional<HostPattern> host_of(const ToolCall& request) {
  const bool v6 = request.host.find(':') != std::string::npos;
  std::string text = v6 ? "[" + request.host + "]" : request.host;
  const std::uint16_t port = request.destination.port;
  if (port != 0 && port < kFirstEphemeral) text += fmt::format(":{}", port);
  auto host = parse_host_pattern(std::move(text));
  if (!host || host->key != request.host) return std::nullopt;
  return host;
}

// Why a policy cannot name a call that was allowed, as the end of a sentence; empty: it can.
std::string cannot_name(const ObservedCall& call) {
  if (call.request.path.size() > Observations::kMaxPath) return "its path is too long";
  if (const auto path = exact_pattern(call.request.path); !path) return path.error().message;
  if (!identity::valid_text(call.request.path, Observations::kMaxPath))
    return "its path holds characters that deceive a reader";
  if (!host_of(call.request)) return "its host is none that a catalog can name";
  if (!is_method(call.request.method)) return "its method is none that a catalog can name";
  if (!parse_address(call.request.destination.address)) return "where it went is not known";
  if (!identity::valid_name(call.agent)) return "its agent has no name";
  const auto specific = [](const std::string& scope) {
    return identity::valid_scope(scope) && !identity::has_wildcard(scope);
  };
  const bool fine = call.tool.empty() || identity::valid_name(call.tool);
  if (!fine || !std::all_of(call.scopes.begin(), call.scopes.end(), specific))
    return "its tool or scope has no name that a policy can have";
  return {};
}

bool only_reads(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

// How many different values `part` has among the calls.
template <class Part>
std::size_t distinct(const SeenCalls& calls, const Part& part) {
  std::set<decltype(part(calls.front()->first))> values;
  for (const Seen* one : calls) values.insert(part(one->first));
  return values.size();
}

ToolShape shape_of(const SeenCalls& calls, std::vector<PathPattern> paths) {
  std::map<std::pair<std::string, std::uint16_t>, HostPattern> hosts;
  std::set<std::string> methods;
  std::map<std::string, Address> addresses;
  for (const Seen* one : calls) {
    const ToolCall& request = one->first.request;
    const HostPattern host = host_of(request).value();
    hosts.try_emplace({host.key, host.port}, host);
    methods.insert(request.method);
    const Address address = parse_address(request.destination.address).value();
    addresses.try_emplace(to_text(address), address);
  }
  ToolShape shape{.methods = {methods.begin(), methods.end()}, .paths = std::move(paths)};
  for (const auto& [name, host] : hosts) shape.hosts.push_back(host);
  for (const auto& [text, address] : addresses)
    shape.addresses.push_back({.base = address, .prefix = address.v6 ? 128u : 32u});
  return shape;
}

Draft draft_of(SeenCalls calls, const std::vector<FoundPattern>& found) {
  std::vector<PathPattern> patterns;
  std::map<std::string_view, std::size_t> pattern_of;
  for (const FoundPattern& one : found) {
    for (const std::string& path : one.paths) pattern_of[path] = patterns.size();
    patterns.push_back(one.pattern);
  }
  Draft draft;
  SuggestedTool& made = draft.tool;
  made.shape = shape_of(calls, std::move(patterns));
  const std::size_t combinations = distinct(calls, [&](const ObservedCall& call) {
    const HostPattern host = host_of(call.request).value();
    return std::tuple(host.key, host.port, call.request.method, pattern_of[call.request.path],
                      call.request.destination.address);
  });
  made.combined = combinations < made.shape.hosts.size() * made.shape.methods.size() *
                                     made.shape.paths.size() * made.shape.addresses.size();
  made.paths = distinct(calls, [](const ObservedCall& call) { return call.request.path; });
  made.tool.effect = Effect::kRead;
  for (const Seen* one : calls) {
    const auto& [call, count] = *one;
    made.calls += count.calls;
    made.findings.insert(count.findings.begin(), count.findings.end());
    made.tool.scopes.insert(made.tool.scopes.end(), call.scopes.begin(), call.scopes.end());
    if (call.tool.empty() ? !only_reads(call.request.method) : call.effect == Effect::kWrite)
      made.tool.effect = Effect::kWrite;
  }
  made.tool.scopes = identity::minimal(std::move(made.tool.scopes));
  draft.made_from = std::move(calls);
  return draft;
}

class Suggester {
 public:
  Suggester(const Observations& seen, const SuggestOptions& options) : options_(options) {
    for (const Seen& one : seen.calls()) sort_in(one);
    result_.cut = seen.forgotten() > 0;
  }

  Suggestion run() {
    for (const auto& [name, calls] : named_) draft_named(name, calls);
    for (const auto& [place, calls] : unnamed_) draft_unnamed(calls);
    keep_most_used();
    for (Draft& draft : drafts_) {
      if (draft.tool.tool.name.empty()) make_up_name(draft.tool);
      place(draft);
    }
    assign();
    return std::move(result_);
  }

 private:
  void sort_in(const Seen& one) {
    const ObservedCall& call = one.first;
    if (!call.tool.empty()) taken_.insert(call.tool);
    const std::string why = call.left_out.empty() ? cannot_name(call) : call.left_out;
    if (!why.empty()) return leave_out(one, why);
    usable_.push_back(&one);
    if (!call.tool.empty()) {
      named_[call.tool].push_back(&one);
    } else {
      const HostPattern host = host_of(call.request).value();
      unnamed_[{host.key, host.port, call.request.method}].push_back(&one);
    }
  }

  void leave_out(const Seen& one, std::string why) {
    result_.left_out.push_back(
        {.why = std::move(why), .call = one.first, .calls = one.second.calls});
  }

  void draft_named(const std::string& name, const SeenCalls& calls) {
    std::set<SeenPath> paths;
    for (const Seen* one : calls) paths.insert({one->first.request.path, one->first.captures});
    std::vector<FoundPattern> found = patterns_of_named(paths);
    if (found.size() > options_.max_tools) {
      found.resize(options_.max_tools);
      result_.cut = true;
    }
    drafts_.push_back(draft_of(calls, found));
    drafts_.back().tool.tool.name = name;
  }

  void draft_unnamed(const SeenCalls& calls) {
    std::map<std::string, SeenCalls> by_path;
    for (const Seen* one : calls) by_path[one->first.request.path].push_back(one);
    std::set<std::string> paths;
    for (const auto& [path, of_it] : by_path) paths.insert(path);
    for (const FoundPattern& found : patterns_of_unnamed(paths)) {
      SeenCalls of_pattern;
      for (const std::string& path : found.paths) {
        const SeenCalls& of_path = by_path.at(path);
        of_pattern.insert(of_pattern.end(), of_path.begin(), of_path.end());
      }
      drafts_.push_back(draft_of(std::move(of_pattern), {found}));
      drafts_.back().tool.made_up = true;
    }
  }

  void keep_most_used() {
    if (drafts_.size() <= options_.max_tools) return;
    result_.cut = true;
    std::stable_sort(drafts_.begin(), drafts_.end(),
                     [](const Draft& a, const Draft& b) { return a.tool.calls > b.tool.calls; });
    drafts_.resize(options_.max_tools);
  }

  void make_up_name(SuggestedTool& made) {
    const std::string base = made_up_name(options_.name_prefix, made.shape.hosts.front().key,
                                          made.shape.paths.front(), made.shape.methods.front());
    std::string name = base;
    for (std::size_t n = 2; !taken_.insert(name).second; ++n) name = fmt::format("{}-{}", base, n);
    made.tool.name = name;
    made.tool.scopes = {std::move(name)};
  }

  void place(Draft& draft) {
    const Tool* clash = catalog_.add(draft.tool.tool, draft.tool.shape);
    if (clash == nullptr) {
      result_.tools.push_back(std::move(draft.tool));  // at the index that it has in the catalog
      return;
    }
    for (const Seen* one : draft.made_from)
      no_tool_[one] = fmt::format("it cannot be told apart from calls of {}", clash->name);
  }

  // Which agent needs which tool, as the catalog itself says it.
  void assign() {
    std::map<std::string, SuggestedAgent> agents;
    std::set<std::string> used;
    for (const Seen* one : usable_) {
      const ObservedCall& call = one->first;
      const auto match = catalog_.match(call.request);
      if (!match) {
        const auto why = no_tool_.find(one);
        leave_out(*one, why != no_tool_.end() ? why->second : "a suggestion holds no more tools");
        continue;
      }
      SuggestedAgent& agent = agents[call.agent];
      agent.tools.insert(match->tool->name);
      agent.scopes.insert(agent.scopes.end(), match->tool->scopes.begin(),
                          match->tool->scopes.end());
      used.insert(match->tool->name);
    }
    std::erase_if(result_.tools,
                  [&](const SuggestedTool& made) { return !used.contains(made.tool.name); });
    std::sort(result_.tools.begin(), result_.tools.end(),
              [](const auto& a, const auto& b) { return a.tool.name < b.tool.name; });
    for (auto& [id, agent] : agents) {
      agent.id = id;
      agent.scopes = identity::minimal(std::move(agent.scopes));
      result_.agents.push_back(std::move(agent));
    }
    std::stable_sort(result_.left_out.begin(), result_.left_out.end(),
                     [](const LeftOut& a, const LeftOut& b) { return a.calls > b.calls; });
  }

  const SuggestOptions& options_;
  SeenCalls usable_;
  std::map<std::string, SeenCalls> named_;
  std::map<std::tuple<std::string, std::uint16_t, std::string>, SeenCalls> unnamed_;
  std::set<std::string> taken_;
  std::vector<Draft> drafts_;
  Catalog catalog_;
  std::map<const Seen*, std::string> no_tool_;
  Suggestion result_;
};

}  // namespace

bool operator<(const ObservedCall& a, const ObservedCall& b) { return key(a) < key(b); }

void Observations::add(ObservedCall call, const std::set<std::string>& findings) {
  ToolCall& request = call.request;
  if (request.path.size() > kMaxPath) {
    request.path.resize(kMaxPath);
    if (call.left_out.empty()) call.left_out = "its path is too long";
  }
  auto entry = calls_.find(call);
  if (entry == calls_.end()) {
    if (calls_.size() == kMaxDistinct) {
      ++forgotten_;
      return;
    }
    entry = calls_.emplace(std::move(call), Count{}).first;
  }
  ++entry->second.calls;
  entry->second.findings.insert(findings.begin(), findings.end());
}

Result<Suggestion> suggest(const Observations& seen, const SuggestOptions& options) {
  const std::string& prefix = options.name_prefix;
  if (!prefix.empty() && (!identity::valid_scope(prefix) || identity::has_wildcard(prefix) ||
                          !identity::valid_name(prefix) || prefix.size() > kMaxPrefix)) {
    return fail(ErrorCode::kInvalid,
                "a prefix of names is up to {} characters of words with dots, as acme.sales",
                kMaxPrefix);
  }
  return Suggester(seen, options).run();
}

}  // namespace writ::policy
