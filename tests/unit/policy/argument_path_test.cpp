#include "policy/argument_path.h"

#include <gtest/gtest.h>

namespace writ::policy {
namespace {

using Source = ArgumentPath::Source;

std::string shown(const ArgumentPath& path) {
  std::string text;
  for (const ArgumentPath::Step& step : path.steps)
    text += step.is_index ? "[" + std::to_string(step.index) + "]" : "<" + step.name + ">";
  return text;
}

TEST(ArgumentPath, ReadsItsSteps) {
  struct Case {
    const char* text;
    Source source;
    const char* steps;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"amount", Source::kAny, "<amount>"},
           {"a.b-c.d", Source::kAny, "<a><b-c><d>"},
           {"a[0].b", Source::kAny, "<a>[0]<b>"},
           {"a[12][3]", Source::kAny, "<a>[12][3]"},
           {"[\"odd. key\"].x", Source::kAny, "<odd. key><x>"},
           {"a[\"b\"]", Source::kAny, "<a><b>"},
           {"$", Source::kBody, ""},
           {"$.a", Source::kBody, "<a>"},
           {"$[1]", Source::kBody, "[1]"},
           {"[1]", Source::kBody, "[1]"},
           {"$ref", Source::kAny, "<$ref>"},
           {"body:a", Source::kBody, "<a>"},
           {"query:page", Source::kQuery, "<page>"},
           {"path:id", Source::kCapture, "<id>"},
           {"dc:title", Source::kAny, "<dc:title>"},
           {"größe", Source::kAny, "<größe>"},
       }) {
    const auto path = parse_argument_path(c.text);
    ASSERT_TRUE(path) << c.text << ": " << path.error().message;
    EXPECT_EQ(path->source, c.source) << c.text;
    EXPECT_EQ(shown(*path), c.steps) << c.text;
    EXPECT_EQ(path->text, c.text);
  }
}

TEST(ArgumentPath, RefusesTheRest) {
  for (const char* text : {"",          ".",
                           "a.",        ".a",
                           "a..b",      "a b",
                           "a[",        "a[]",
                           "a[x]",      "a[-1]",
                           "a[1",       "a[\"x]",
                           "a[\"\"]",   "a[1]b",
                           "a\"b",      "a]",
                           "query:",    "query:a.b",
                           "query:[0]", "path:a[0]",
                           "body:",     "a[99999999999]",
                           "a\tb",      "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"})
    EXPECT_FALSE(parse_argument_path(text)) << text;
  EXPECT_FALSE(parse_argument_path(std::string(600, 'a')));
}

}  // namespace
}  // namespace writ::policy
