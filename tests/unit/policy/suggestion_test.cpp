#include "policy/suggestion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/name.h"
#include "policy/made_up_name.h"

namespace writ::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ObservedCall call(std::string method, std::string host, std::string path,
                  std::string address = "10.0.0.1", std::uint16_t port = 443) {
  return {.request = {.method = std::move(method),
                      .host = std::move(host),
                      .path = std::move(path),
                      .destination = {.address = std::move(address), .port = port}},
          .agent = "assistant"};
}

ObservedCall named(ObservedCall call, std::string tool, identity::Scopes scopes,
                   std::map<std::string, std::string> captures = {}) {
  call.tool = std::move(tool);
  call.scopes = std::move(scopes);
  call.captures = std::move(captures);
  call.effect = Effect::kRead;
  return call;
}

Suggestion suggestion_of(const std::vector<ObservedCall>& calls,
                         const SuggestOptions& options = {}) {
  Observations seen;
  for (const ObservedCall& one : calls) seen.add(one, {});
  return suggest(seen, options).value();
}

std::vector<std::string> names(const Suggestion& suggestion) {
  std::vector<std::string> all;
  for (const SuggestedTool& made : suggestion.tools) all.push_back(made.tool.name);
  return all;
}

TEST(Suggestion, OfCallsThatTheCatalogNamed) {
  ObservedCall note = named(call("POST", "crm.test", "/contacts/17/notes"), "crm.note",
                            {"crm.notes.write"}, {{"id", "17"}});
  note.effect = Effect::kWrite;
  const auto made = suggestion_of(
      {named(call("GET", "crm.test", "/contacts/17"), "crm.read", {"crm.read"}, {{"id", "17"}}),
       named(call("GET", "crm.test", "/contacts/18"), "crm.read", {"crm.read"}, {{"id", "18"}}),
       note});
  ASSERT_THAT(names(made), ElementsAre("crm.note", "crm.read"));
  const SuggestedTool& read = made.tools[1];
  EXPECT_EQ(to_text(read.shape.hosts.at(0)), "crm.test:443");
  EXPECT_THAT(read.shape.methods, ElementsAre("GET"));
  ASSERT_EQ(read.shape.paths.size(), 1u);
  EXPECT_EQ(to_text(read.shape.paths[0]), "/contacts/{id}");
  ASSERT_EQ(read.shape.addresses.size(), 1u);
  EXPECT_EQ(read.shape.addresses[0].prefix, 32u);
  EXPECT_EQ(read.tool.effect, Effect::kRead);
  EXPECT_EQ(made.tools[0].tool.effect, Effect::kWrite);
  EXPECT_FALSE(read.made_up);
  EXPECT_EQ(read.calls, 2u);
  EXPECT_EQ(read.paths, 2u);
  ASSERT_EQ(made.agents.size(), 1u);
  EXPECT_THAT(made.agents[0].tools, ElementsAre("crm.note", "crm.read"));
  EXPECT_THAT(made.agents[0].scopes, ElementsAre("crm.notes.write", "crm.read"));
  EXPECT_THAT(made.left_out, IsEmpty());
}

TEST(Suggestion, OfCallsThatNothingNamed) {
  const auto made = suggestion_of({call("GET", "crm.example.test", "/contacts/17"),
                                   call("GET", "crm.example.test", "/contacts"),
                                   call("HEAD", "crm.example.test", "/contacts/17"),
                                   call("POST", "crm.example.test", "/contacts/17/notes"),
                                   call("GET", "api.github.test", "/user"),
                                   call("GET", "127.0.0.1", "/", "127.0.0.1", 8080)});
  EXPECT_THAT(names(made),
              ElementsAre("crm.contacts.head", "crm.contacts.notes.post", "crm.contacts.read",
                          "crm.contacts.read-2", "github.user.read", "ip-127-0-0-1.read"));
  for (const SuggestedTool& one : made.tools) {
    EXPECT_TRUE(one.made_up);
    EXPECT_THAT(one.tool.scopes, ElementsAre(one.tool.name));
    EXPECT_EQ(one.tool.effect == Effect::kWrite, one.tool.name.ends_with(".post"));
  }
  EXPECT_THAT(names(suggestion_of({call("GET", "crm.test", "/x")}, {.name_prefix = "acme.sales"})),
              ElementsAre("acme.sales.crm.x.read"));
  for (const char* bad : {"acme.*", "*", "a b", ".a", "a..b", "a@b", "-a"})
    EXPECT_FALSE(suggest({}, {.name_prefix = bad})) << bad;
}

TEST(Suggestion, AMadeUpNameIsNobodyElses) {
  EXPECT_THAT(names(suggestion_of({named(call("GET", "crm.test", "/y"), "crm.x.read", {}),
                                   call("GET", "crm.test", "/x")})),
              ElementsAre("crm.x.read", "crm.x.read-2"));
}

TEST(Suggestion, MadeUpNamesAreNamesAndScopes) {
  const std::string long_word(300, 'a');
  for (const std::string& host : {std::string("crm.test"), std::string("-"), std::string("_"),
                                  std::string("::1"), long_word}) {
    for (const std::string& word :
         {std::string("Ab C\xc3\xa9/*\n"), std::string("--"), long_word}) {
      PathPattern path;
      path.segments.assign(20, {.text = word});
      const std::string name = made_up_name("", host, path, "M-SEARCH");
      EXPECT_TRUE(identity::valid_name(name)) << name;
      EXPECT_TRUE(identity::valid_scope(name) && !identity::has_wildcard(name)) << name;
    }
  }
}

TEST(Suggestion, PortsByChanceAreNotNamed) {
  const auto made = suggestion_of({call("GET", "a.test", "/x", "10.0.0.1", 32767),
                                   call("GET", "b.test", "/x", "10.0.0.1", 32768)});
  ASSERT_EQ(made.tools.size(), 2u);
  EXPECT_EQ(to_text(made.tools[0].shape.hosts[0]), "a.test:32767");
  EXPECT_EQ(to_text(made.tools[1].shape.hosts[0]), "b.test");
}

TEST(Suggestion, LeavesOutWhatNoPolicyShouldAllow) {
  ObservedCall denied = call("GET", "crm.test", "/denied");
  denied.left_out = "denied: scope_missing";
  Observations seen;
  seen.add(denied, {});
  seen.add(denied, {});
  seen.add(call("GET", "crm.test", "//x"), {});
  seen.add(call("GET", "crm.test", "/{id}"), {});
  seen.add(call("GET", "crm.test",
                "/a\xe2\x80\xae"
                "b"),
           {});  // turns text around
  seen.add(call("GET", "crm.test", "/" + std::string(5000, 'a')), {});
  seen.add(call("get", "crm.test", "/x"), {});
  seen.add(call("GET", "*", "/x"), {});
  seen.add(call("GET", "", "/x"), {});
  seen.add(call("GET", "*.test", "/x"), {});
  seen.add(call("GET", "a..b", "/x"), {});
  seen.add(call("GET", "crm.test", "/x", ""), {});
  seen.add(named(call("GET", "crm.test", "/x"), "a b", {}), {});
  seen.add(named(call("GET", "crm.test", "/x"), "x", {"crm.*"}), {});
  const auto made = suggest(seen, {}).value();
  EXPECT_THAT(made.tools, IsEmpty());
  EXPECT_THAT(made.agents, IsEmpty());
  EXPECT_EQ(made.left_out.size(), 13u);
  EXPECT_EQ(made.left_out[0].calls, 2u);
  EXPECT_EQ(made.left_out[0].why, "denied: scope_missing");
  EXPECT_FALSE(made.cut);
}

TEST(Suggestion, SaysWhereListsCombine) {
  const auto tool = [](const char* method, const char* path) {
    return named(call(method, "crm.test", path), "crm.any", {});
  };
  EXPECT_FALSE(suggestion_of({tool("GET", "/a"), tool("GET", "/b")}).tools[0].combined);
  EXPECT_TRUE(suggestion_of({tool("GET", "/a"), tool("POST", "/b")}).tools[0].combined);
}

TEST(Suggestion, WhatCannotBeToldApartIsLeftOut) {
  // By ports the two were apart, and such ports are not named.
  const auto made =
      suggestion_of({named(call("GET", "a.test", "/x", "10.0.0.1", 40000), "first", {"s"}),
                     named(call("POST", "a.test", "/x", "10.0.0.1", 40001), "second", {"s"}),
                     named(call("GET", "a.test", "/x", "10.0.0.1", 40001), "second", {"s"}),
                     named(call("PUT", "a.test", "/x", "10.0.0.1", 40001), "third", {"s"})});
  EXPECT_THAT(names(made), ElementsAre("first", "third"));
  ASSERT_EQ(made.left_out.size(), 1u);
  EXPECT_THAT(made.left_out[0].why, HasSubstr("told apart from calls of first"));
  EXPECT_EQ(made.left_out[0].call.request.method, "POST");
}

TEST(Suggestion, EachAgentGetsItsOwn) {
  ObservedCall other = call("GET", "crm.test", "/y");
  other.agent = "other";
  const auto made = suggestion_of({call("GET", "crm.test", "/x"), other});
  ASSERT_EQ(made.agents.size(), 2u);
  EXPECT_THAT(made.agents[0].tools, ElementsAre("crm.x.read"));
  EXPECT_THAT(made.agents[1].tools, ElementsAre("crm.y.read"));
}

TEST(Suggestion, IsBoundedAndSaysSo) {
  std::vector<ObservedCall> calls;
  for (const char* word : {"a", "b", "c", "d"}) {
    calls.push_back(call("GET", "crm.test", std::string("/") + word));
    if (*word != 'a') calls.push_back(calls.back());
  }
  const auto made = suggestion_of(calls, {.max_tools = 3});
  EXPECT_TRUE(made.cut);
  EXPECT_THAT(names(made), ElementsAre("crm.b.read", "crm.c.read", "crm.d.read"));
  EXPECT_EQ(made.left_out.size(), 1u);

  Observations seen;
  for (std::size_t i = 0; i <= Observations::kMaxDistinct; ++i)
    seen.add(call("GET", "crm.test", "/" + std::to_string(i)), {});
  EXPECT_EQ(seen.calls().size(), Observations::kMaxDistinct);
  EXPECT_EQ(seen.forgotten(), 1u);
  const auto many = suggest(seen, {}).value();
  EXPECT_TRUE(many.cut);
  EXPECT_THAT(names(many), ElementsAre("crm.read"));
}

}  // namespace
}  // namespace writ::policy
