#include "policy/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "policy/policy.h"

namespace writ::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

struct ToolLine {
  std::string name;
  std::string host;
  std::string method;
  std::string path;
  std::string addresses;
};

std::string catalog_text(const std::vector<ToolLine>& tools) {
  std::string text = "version: 1\ntools:\n";
  for (const ToolLine& tool : tools) {
    text += "  - {name: " + tool.name + ", host: " + tool.host + ", method: " + tool.method +
            ", path: \"" + tool.path + "\", scopes: [], effect: read";
    if (!tool.addresses.empty()) text += ", addresses: " + tool.addresses;
    text += "}\n";
  }
  return text;
}

std::shared_ptr<const Policy> load(const std::vector<ToolLine>& tools, Diagnostics& out) {
  return Policy::load_from_text({{"tools.yaml", catalog_text(tools)}}, out);
}

std::string text_of(const Diagnostics& all) {
  std::string text;
  for (const Diagnostic& d : all) text += to_string(d) + "\n";
  return text;
}

std::string name(const Policy& policy, const ToolCall& call) {
  const auto match = policy.match(call);
  return match ? match->tool->name : "-";
}

ToolCall call(std::string host, std::string method, std::string path,
              std::string address = "10.0.0.1", std::uint16_t port = 443) {
  return {.method = std::move(method),
          .host = std::move(host),
          .path = std::move(path),
          .destination = {.address = std::move(address), .port = port}};
}

TEST(Catalog, NamesCalls) {
  Diagnostics out;
  const auto policy = load({{"contact", "crm.test", "GET", "/contacts/{id}"},
                            {"me", "crm.test", "GET", "/contacts/me"},
                            {"note", "crm.test", "[POST, PUT]", "/contacts/{id}/notes"},
                            {"contacts", "crm.test", "'*'", "/contacts/**"},
                            {"root", "crm.test", "GET", "/"},
                            {"special", "'crm.test:8443'", "GET", "/contacts/{id}"},
                            {"sub", "'*.crm.test'", "GET", "/**"},
                            {"subsub", "'*.eu.crm.test'", "GET", "/**"},
                            {"local", "'*'", "GET", "/health", "[127.0.0.0/8]"},
                            {"health", "'*'", "GET", "/health"},
                            {"six", "'[0:0::1]:80'", "GET", "/"}},
                           out);
  ASSERT_TRUE(policy) << text_of(out);
  EXPECT_THAT(out, IsEmpty());
  struct Case {
    ToolCall call;
    const char* name;
  };
  const Case cases[] = {
      {call("crm.test", "GET", "/contacts/42"), "contact"},
      {call("crm.test", "GET", "/contacts/42/"), "contact"},
      {call("crm.test.", "GET", "/contacts/42"), "contact"},
      {call("crm.test", "GET", "/contacts/me"), "me"},
      {call("crm.test", "POST", "/contacts/me"), "contacts"},
      {call("crm.test", "GET", "/contacts"), "contacts"},
      {call("crm.test", "GET", "/contacts/"), "contacts"},
      {call("crm.test", "POST", "/contacts/42/notes"), "note"},
      {call("crm.test", "PUT", "/contacts/me/notes"),
       "note"},  // behind the literal "me" is nothing, so back
      {call("crm.test", "GET", "/contacts/42/notes"), "contacts"},
      {call("crm.test", "get", "/contacts/42"), "contacts"},  // methods are case-sensitive
      {call("crm.test", "GET", "/contacts/42", "10.0.0.1", 8443), "special"},
      {call("crm.test", "POST", "/contacts/42", "10.0.0.1", 8443), "contacts"},
      {call("crm.test", "GET", "/"), "root"},
      {call("crm.test", "GET", "/Contacts/42"), "-"},
      {call("crm.test", "GET", "/other"), "-"},
      {call("a.crm.test", "GET", "/x/y"), "sub"},
      {call("a.b.crm.test", "GET", "/"), "sub"},
      {call("a.eu.crm.test", "GET", "/"), "subsub"},
      {call("eu.crm.test", "GET", "/"), "sub"},
      {call("xcrm.test", "GET", "/"), "-"},
      {call(".crm.test", "GET", "/"), "-"},
      {call("", "GET", "/health"), "health"},
      {call("other.test", "GET", "/health"), "health"},
      {call("other.test", "GET", "/health", "127.0.0.1"), "local"},
      {call("other.test", "GET", "/health", ""), "health"},
      {call("::1", "GET", "/", "::1", 80), "six"},  // as protocol/authority.h spells it
      {call("::1", "GET", "/", "::1", 81), "-"},
      {call(std::string(100'000, 'a') + ".crm.test", "GET", "/health"), "health"},
      // What servers read in more than one way names nothing.
      {call("crm.test", "GET", "/contacts/../contacts/42"), "-"},
      {call("crm.test", "GET", "//contacts/42"), "-"},
      {call("crm.test", "GET", "/contacts/.."), "-"},
      {call("crm.test", "GET", "/contacts//42"), "-"},
      {call("crm.test", "GET", std::string("/contacts/4\0002", 13)), "-"},
      {call("crm.test", "GET", ""), "-"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(name(*policy, c.call), c.name) << c.call.method << " " << c.call.host << c.call.path;
}

TEST(Catalog, HandsOutCaptures) {
  Diagnostics out;
  const auto policy = load(
      {{"deep", "crm.test", "GET", "/{a}/x/{b}/**"}, {"no", "crm.test", "GET", "/{q}/{r}/{s}/y"}},
      out);
  ASSERT_TRUE(policy) << text_of(out);
  const auto match = policy->match(call("crm.test", "GET", "/1/x/2/rest/of"));
  ASSERT_TRUE(match);
  EXPECT_THAT(match->captures, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  const auto other = policy->match(call("crm.test", "GET", "/1/z/2/y"));
  ASSERT_TRUE(other);
  EXPECT_THAT(other->captures, ElementsAre(Pair("q", "1"), Pair("r", "z"), Pair("s", "2")));
}

TEST(Catalog, AHostHeaderCannotNameAToolForAnotherDestination) {
  Diagnostics out;
  const auto policy = load({{"local", "crm.test", "GET", "/", "[127.0.0.0/8, '::1']"}}, out);
  ASSERT_TRUE(policy) << text_of(out);
  EXPECT_EQ(name(*policy, call("crm.test", "GET", "/", "127.0.0.1")), "local");
  EXPECT_EQ(name(*policy, call("crm.test", "GET", "/", "::1")), "local");
  EXPECT_EQ(name(*policy, call("crm.test", "GET", "/", "93.184.216.34")), "-");
  EXPECT_EQ(name(*policy, call("crm.test", "GET", "/", "")), "-");
  EXPECT_EQ(name(*policy, call("crm.test", "GET", "/", "nonsense")), "-");
}

TEST(Catalog, RefusesToolsThatCannotBeToldApart) {
  struct Case {
    ToolLine a;
    ToolLine b;
    bool ambiguous;
  };
  const Case cases[] = {
      {{"a", "h.test", "GET", "/x"}, {"b", "h.test", "GET", "/x"}, true},
      {{"a", "h.test", "GET", "/{p}"}, {"b", "H.test", "GET", "/{q}"}, true},
      {{"a", "h.test", "[GET, PUT]", "/x"}, {"b", "h.test", "[PUT, POST]", "/x"}, true},
      {{"a", "h.test", "'*'", "/**"}, {"b", "h.test", "'*'", "/**"}, true},
      {{"a", "h.test", "GET", "[/x, /y]"}, {"b", "[g.test, h.test]", "GET", "[/z, /y]"}, true},
      {{"a", "h.test", "GET", "/x", "[10.0.0.0/8]"},
       {"b", "h.test", "GET", "/x", "[10.1.0.0/16]"},
       true},
      {{"a", "h.test", "GET", "/x", "[10.0.0.0/8]"},
       {"b", "h.test", "GET", "/x", "[11.0.0.0/8]"},
       false},
      {{"a", "h.test", "GET", "/x", "[10.0.0.0/8]"}, {"b", "h.test", "GET", "/x"}, false},
      {{"a", "h.test", "GET", "/x"}, {"b", "h.test", "POST", "/x"}, false},
      {{"a", "h.test", "GET", "/x"}, {"b", "h.test", "'*'", "/x"}, false},
      {{"a", "h.test", "GET", "/{p}"}, {"b", "h.test", "GET", "/x"}, false},
      {{"a", "h.test", "GET", "/x"}, {"b", "'h.test:80'", "GET", "/x"}, false},
      {{"a", "h.test", "GET", "/x"}, {"b", "'*.test'", "GET", "/x"}, false},
      {{"a", "h.test", "GET", "/x"}, {"b", "h.test", "GET", "/x/**"}, false},
  };
  for (const Case& c : cases) {
    for (const auto& tools : {std::vector{c.a, c.b}, std::vector{c.b, c.a}}) {
      // Lists stand in the lines as they are; catalog_text quotes paths, so take the quotes off
      // those.
      std::string text = catalog_text(tools);
      for (const char* quoted : {"\"[", "]\""}) {
        for (std::size_t at = 0; (at = text.find(quoted, at)) != std::string::npos;)
          text.replace(at, 2, quoted[0] == '"' ? "[" : "]");
      }
      Diagnostics out;
      const auto policy = Policy::load_from_text({{"tools.yaml", text}}, out);
      EXPECT_EQ(policy == nullptr, c.ambiguous) << text << text_of(out);
      if (c.ambiguous) {
        EXPECT_THAT(text_of(out), HasSubstr("can match the same call"));
      }
    }
  }
}

// The trie against the definition: try every entry, keep the most specific.
struct Spec {
  std::string name;
  std::string host;  // as written
  std::vector<std::string> path;
  bool tail = false;
  std::string method;
};

std::vector<int> rank(const Spec& s) {
  std::vector<int> r{s.host == "*"              ? 0
                     : s.host.starts_with("*.") ? static_cast<int>(s.host.size())
                                                : 1000};
  for (const std::string& segment : s.path) r.push_back(segment.starts_with('{') ? 2 : 3);
  r.push_back(s.tail ? 1 : 4);
  r.push_back(s.method == "*" ? 0 : 1);
  return r;
}

bool applies(const Spec& s, const std::string& host, const std::vector<std::string>& path,
             const std::string& method) {
  const bool host_fits = s.host == "*" || s.host == host ||
                         (s.host.starts_with("*.") && host.ends_with(s.host.substr(1)));
  if (!host_fits || (s.method != "*" && s.method != method)) return false;
  if (path.size() < s.path.size() || (!s.tail && path.size() != s.path.size())) return false;
  for (std::size_t i = 0; i < s.path.size(); ++i) {
    if (!s.path[i].starts_with('{') && s.path[i] != path[i]) return false;
  }
  return true;
}

TEST(Catalog, AgreesWithTheDefinitionWhateverTheOrder) {
  std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same cases in every run
  const std::vector<std::string> hosts = {"*", "*.t", "*.b.t", "a.t", "a.b.t"};
  const std::vector<std::string> methods = {"*", "GET", "PUT"};
  int named = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Spec> specs;
    for (int i = 0; i < 8; ++i) {
      Spec spec{.name = "t" + std::to_string(i),
                .host = hosts[random() % 5],
                .tail = random() % 3 == 0,
                .method = methods[random() % 3]};
      const auto depth = random() % 4;
      for (unsigned d = 0; d < depth; ++d) {
        spec.path.push_back(random() % 2 ? "{c" + std::to_string(d) + "}"
                                         : std::string(1, "xy"[random() % 2]));
      }
      const bool same = std::any_of(specs.begin(), specs.end(), [&](const Spec& other) {
        return other.host == spec.host && other.method == spec.method && other.path == spec.path &&
               other.tail == spec.tail;
      });
      if (!same) specs.push_back(spec);
    }
    const auto compile = [](const std::vector<Spec>& all) {
      std::vector<ToolLine> lines;
      for (const Spec& s : all) {
        std::string path;
        for (const std::string& segment : s.path) path += "/" + segment;
        if (s.tail) path += "/**";
        lines.push_back(
            {s.name, "'" + s.host + "'", "'" + s.method + "'", path.empty() ? "/" : path, ""});
      }
      Diagnostics out;
      auto policy = load(lines, out);
      EXPECT_TRUE(policy) << text_of(out);
      return policy;
    };
    const auto policy = compile(specs);
    std::shuffle(specs.begin(), specs.end(), random);
    const auto shuffled = compile(specs);
    ASSERT_TRUE(policy && shuffled);
    for (int i = 0; i < 60; ++i) {
      const std::string host =
          std::vector<std::string>{"a.t", "a.b.t", "c.b.t", "c.t", "other"}[random() % 5];
      const std::string method = std::vector<std::string>{"GET", "PUT", "POST"}[random() % 3];
      std::vector<std::string> path(random() % 5);
      std::string joined;
      for (std::string& segment : path) {
        segment = std::string(1, "xyz"[random() % 3]);
        joined += "/" + segment;
      }
      const Spec* best = nullptr;
      for (const Spec& spec : specs) {
        if (applies(spec, host, path, method) && (best == nullptr || rank(spec) > rank(*best)))
          best = &spec;
      }
      const std::string expected = best == nullptr ? "-" : best->name;
      const ToolCall asked = call(host, method, joined.empty() ? "/" : joined);
      ASSERT_EQ(name(*policy, asked), expected) << host << " " << method << " " << joined;
      ASSERT_EQ(name(*shuffled, asked), expected);
      named += best != nullptr;
    }
  }
  EXPECT_GT(named, 1000);
}

}  // namespace
}  // namespace writ::policy
