#include "policy/catalog.h"

#include <algorithm>
#include <tuple>

#include "policy/glob.h"
#include "policy/mcp_traffic.h"

namespace writ::policy {

bool is_method(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

struct Catalog::Request {
  std::string_view method;
  std::optional<Address> destination;
  // Asked is which MCP tool this is. Else which entry's place it is, and to an MCP server's place
  // belongs whatever it says.
  const McpMessage* message = nullptr;
};

struct Catalog::Entry {
  const Tool* tool = nullptr;
  std::vector<std::string> methods;  // empty: any
  std::optional<McpPattern> mcp;
  std::vector<AddressRange> addresses;
  std::vector<std::string> captures;  // names, in the order of the path

  [[nodiscard]] bool says(const Request& request) const {
    if (request.message == nullptr) {
      return mcp ? mcp_method(request.method)
                 : methods.empty() ||
                       std::find(methods.begin(), methods.end(), request.method) != methods.end();
    }
    return mcp && mcp->matches(*request.message);
  }

  [[nodiscard]] bool matches(const Request& request) const {
    if (!says(request)) return false;
    if (addresses.empty()) return true;
    return request.destination &&
           std::any_of(addresses.begin(), addresses.end(), [&](const AddressRange& range) {
             return contains(range, *request.destination);
           });
  }

  // As specific as the other, and some call matches both.
  [[nodiscard]] bool clashes(const Entry& other) const {
    if (rank() != other.rank()) return false;
    const bool says =
        mcp ? mcp->clashes(*other.mcp)
            : methods.empty() ||
                  std::find_first_of(methods.begin(), methods.end(), other.methods.begin(),
                                     other.methods.end()) != methods.end();
    return says && (addresses.empty() || overlap(addresses, other.addresses));
  }

  // More specific first; the rest of the order does not decide anything, since such entries never
  // match together.
  [[nodiscard]] std::tuple<bool, bool, bool, std::size_t> rank() const {
    return {!mcp, methods.empty(), addresses.empty(), mcp ? mcp->looseness() : 0};
  }
};

// One segment of the paths of one host: a trie.
struct Catalog::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> capture;
  std::vector<Entry> here;  // the path ends here; more specific first
  std::vector<Entry> tail;  // "/**" follows

  static const Entry* first(const std::vector<Entry>& entries, const Request& request) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& entry) { return entry.matches(request); });
    return found == entries.end() ? nullptr : &*found;
  }

  // `rest` is the path below this node without its first slash. Each node is visited once at most,
  // and the depth is the longest pattern's.
  [[nodiscard]] const Entry* find(std::string_view rest, const Request& request,
                                  std::vector<std::string_view>& captured) const {
    if (rest.empty()) {
      if (const Entry* entry = first(here, request)) return entry;
      return first(tail, request);
    }
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const std::string_view below =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (const auto literal = literals.find(segment); literal != literals.end()) {
      if (const Entry* entry = literal->second->find(below, request, captured)) return entry;
    }
    if (capture) {
      captured.push_back(segment);
      if (const Entry* entry = capture->find(below, request, captured)) return entry;
      captured.pop_back();
    }
    return first(tail, request);
  }

  std::vector<Entry>& place(const PathPattern& path) {
    Node* node = this;
    for (const PathPattern::Segment& segment : path.segments) {
      std::unique_ptr<Node>& next = segment.capture ? node->capture : node->literals[segment.text];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
    }
    return path.tail ? node->tail : node->here;
  }
};

Catalog::Catalog() = default;
Catalog::~Catalog() = default;
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog& Catalog::operator=(Catalog&&) noexcept = default;

const Tool* Catalog::add(Tool tool, const ToolShape& shape) {
  Entry entry{.methods = shape.methods, .addresses = shape.addresses};
  const auto each_place = [&](auto&& visit) {
    for (const HostPattern& host : shape.hosts) {
      std::unique_ptr<Node>& root = hosts_[host.key][host.port];
      if (!root) root = std::make_unique<Node>();
      for (const PathPattern& path : shape.paths) {
        std::vector<Entry>& place = root->place(path);
        if (shape.mcp.empty()) visit(place, path);
        for (const McpPattern& mcp : shape.mcp) {
          entry.mcp = mcp;
          visit(place, path);
        }
      }
    }
  };
  const Tool* clash = programs_.taken(shape.programs);
  if (clash == nullptr) clash = servers_.taken(shape.servers, shape.mcp);
  each_place([&](const std::vector<Entry>& place, const PathPattern&) {
    for (const Entry& other : place) {
      if (clash == nullptr && entry.clashes(other)) clash = other.tool;
    }
  });
  if (clash != nullptr) return clash;

  tool.index = static_cast<std::uint32_t>(tools_.size());
  entry.tool = &tools_.emplace_back(std::move(tool));
  programs_.add(shape.programs, *entry.tool);
  servers_.add(shape.servers, shape.mcp, *entry.tool);
  each_place([&](std::vector<Entry>& place, const PathPattern& path) {
    entry.captures.clear();
    for (const PathPattern::Segment& segment : path.segments) {
      if (segment.capture) entry.captures.push_back(segment.text);
    }
    const auto behind =
        std::upper_bound(place.begin(), place.end(), entry,
                         [](const Entry& a, const Entry& b) { return a.rank() < b.rank(); });
    place.insert(behind, entry);
  });
  if (!shape.mcp.empty() && traffic_.empty()) add_traffic();
  return nullptr;
}

void Catalog::add_traffic() {
  for (const McpTraffic& kind : mcp_traffic()) {
    Tool tool{.name = std::string(kind.tool), .effect = Effect::kRead, .traffic = true};
    tool.index = static_cast<std::uint32_t>(tools_.size());
    traffic_.push_back(&tools_.emplace_back(std::move(tool)));
  }
}

// The most specific entry that matches, with what its path captured.
const Catalog::Entry* Catalog::find(const ToolCall& call, const Request& request,
                                    std::vector<std::string_view>& captured) const {
  if (!plain_path(call.path)) return nullptr;
  std::string_view path = call.path;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  const auto find_at = [&](std::string_view key) -> const Entry* {
    const auto host = hosts_.find(key);
    if (host == hosts_.end()) return nullptr;
    for (const std::uint16_t port : {call.destination.port, std::uint16_t{0}}) {
      const auto root = host->second.find(port);
      if (root == host->second.end()) continue;
      captured.clear();
      if (const Entry* entry = root->second->find(path, request, captured)) return entry;
      if (port == 0) break;
    }
    return nullptr;
  };

  std::string_view host = call.host;
  if (host.ends_with('.')) host.remove_suffix(1);  // "crm.test." is the same name, fully qualified
  const Entry* found = nullptr;
  if (!host.empty() && host.front() != '.' && host.size() <= kMaxHost) {
    found = find_at(host);
    for (std::size_t dot = host.find('.'); found == nullptr && dot != std::string_view::npos;
         dot = host.find('.', dot + 1))
      found = find_at(host.substr(dot));
  }
  return found != nullptr ? found : find_at("");
}

bool Catalog::is_mcp(const ToolCall& call) const {
  if (call.protocol == kStdioProtocol) return true;
  if (traffic_.empty() || call.method != "POST") return false;
  std::vector<std::string_view> captured;
  const Entry* found =
      find(call, {.method = call.method, .destination = parse_address(call.destination.address)},
           captured);
  return found != nullptr && found->mcp;
}

// Of a call over stdio.
const Tool* Catalog::find_message(const ToolCall& call) const {
  if (servers_.empty() || !call.mcp) return nullptr;
  const Tool* named =
      call.mcp->kind == McpMessage::Kind::kRequest ? servers_.find(call.path, *call.mcp) : nullptr;
  if (named != nullptr) return named;
  const auto kind = traffic_kind(call);
  return kind ? traffic_[*kind] : nullptr;
}

std::optional<ToolMatch> Catalog::match(const ToolCall& call) const {
  if (call.protocol == kStdioProtocol) {
    const Tool* tool = find_message(call);
    return tool == nullptr ? std::nullopt : std::optional(ToolMatch{.tool = tool});
  }
  if (call.protocol == kCommandProtocol) {
    const Tool* program = programs_.find(call.path);
    return program == nullptr ? std::nullopt : std::optional(ToolMatch{.tool = program});
  }
  Request request{.method = call.method, .destination = parse_address(call.destination.address)};
  std::vector<std::string_view> captured;
  const Entry* found = find(call, request, captured);
  if (found == nullptr) return std::nullopt;
  const Tool* tool = found->tool;
  if (found->mcp) {
    std::vector<std::string_view> of_called;
    if (call.mcp && call.mcp->kind == McpMessage::Kind::kRequest) request.message = &*call.mcp;
    const Entry* called = request.message != nullptr ? find(call, request, of_called) : nullptr;
    if (called != nullptr) {
      found = called;
      tool = called->tool;
      captured = std::move(of_called);
    } else if (const auto kind = traffic_kind(call)) {
      tool = traffic_[*kind];
    } else {
      return std::nullopt;
    }
  }
  ToolMatch match{.tool = tool};
  for (std::size_t i = 0; i < found->captures.size(); ++i)
    match.captures.emplace(found->captures[i], captured.at(i));
  return match;
}

}  // namespace writ::policy
