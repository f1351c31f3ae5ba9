#include "policy_text.h"

#include <array>

namespace writ::bench {
namespace {

struct Operation {
  const char* name;
  const char* method;
  const char* path;
  const char* effect;
};
constexpr std::array<Operation, 4> kOperations = {{{"list", "GET", "/items", "read"},
                                                   {"read", "GET", "/items/{id}", "read"},
                                                   {"write", "POST", "/items", "write"},
                                                   {"delete", "DELETE", "/items/{id}", "write"}}};

// {K} is the service's number.
constexpr std::array<const char*, 10> kRules = {
    "{id: read-{K}, effect: allow, tools: [service{K}.read], roles: [sales, support]}",
    "{id: owner-{K}, effect: allow, tools: [service{K}.*], users: [owner-{K}]}",
    "{id: night-{K}, effect: deny, tools: [service{K}.write], tiers: [background]}",
    "{id: pii-{K}, effect: flag, tools: [service{K}.*], findings: [pii]}",
    "{id: secret-{K}, effect: deny, tools: [service{K}.*], findings: [secret.*]}",
    "{id: write-{K}, effect: allow, tools: [service{K}.write], roles: [lead], agents: [assistant]}",
    "{id: list-{K}, effect: allow, tools: [service{K}.list], agents: [assistant, reporter]}",
    "{id: known-{K}, effect: deny, tools: [service{K}.delete], identity_below: token}",
    "{id: delete-{K}, effect: allow, tools: [service{K}.delete], roles: [admin]}",
    "{id: seen-{K}, effect: flag, tools: [service{K}.list], tiers: [api]}",
};

std::string tools_of(std::size_t service) {
  const std::string number = std::to_string(service);
  std::string text;
  for (const Operation& one : kOperations) {
    text += "  - {name: service" + number + '.' + one.name + ", host: service" + number +
            ".example.test, method: " + one.method + ", path: \"" + one.path +
            "\", scopes: [work.service" + number + '.' + one.effect + "], effect: " + one.effect +
            "}\n";
  }
  return text;
}

std::string numbered(std::string text, std::size_t service) {
  const std::string number = std::to_string(service);
  for (auto at = text.find("{K}"); at != std::string::npos; at = text.find("{K}"))
    text.replace(at, 3, number);
  return text;
}

}  // namespace

std::vector<policy::SourceText> spread_policy(std::size_t rules) {
  std::string tools = "version: 1\ntools:\n";
  std::string text = "version: 1\nrules:\n";
  for (std::size_t service = 0; service < rules / kRules.size(); ++service) {
    tools += tools_of(service);
    for (const char* rule : kRules) text += "  - " + numbered(rule, service) + '\n';
  }
  return {{"tools.yaml", std::move(tools)}, {"rules.yaml", std::move(text)}};
}

std::vector<policy::SourceText> crowded_policy(std::size_t rules) {
  std::string text = "version: 1\nrules:\n";
  for (std::size_t i = 0; i < rules; ++i) {
    // Ids sort as they are numbered.
    const std::string id = std::to_string(100'000 + i);
    text += "  - {id: r" + id + ", effect: allow, tools: [service0.read], users: [u" + id + "]}\n";
  }
  return {{"tools.yaml", "version: 1\ntools:\n" + tools_of(0)}, {"rules.yaml", std::move(text)}};
}

ToolCall call_of(std::size_t service, std::size_t tool) {
  const Operation& one = kOperations.at(tool);
  ToolCall call{.method = one.method,
                .host = "service" + std::to_string(service) + ".example.test"};
  call.path = std::string(one.path).find("{id}") == std::string::npos ? "/items" : "/items/4711";
  call.destination = {.address = "127.0.0.1", .port = 443};
  call.tls = true;
  return call;
}

std::string last_user(std::size_t rules) { return 'u' + std::to_string(100'000 + rules - 1); }

}  // namespace writ::bench
