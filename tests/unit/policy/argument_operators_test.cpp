// Every operator on every type: what holds, what does not, and what has no answer.
#include "policy/support.h"

namespace writ::policy {
namespace {

constexpr Truth kYes = Truth::kYes;
constexpr Truth kNo = Truth::kNo;
constexpr Truth kUnknown = Truth::kUnknown;

struct Case {
  const char* test;
  const char* body;
  Truth expected;
};

class Operators : public Language {
 protected:
  void check(const Case& c) {
    EXPECT_EQ(truth(std::string("args: {") + c.test + "}", {.body = c.body}), c.expected)
        << c.test << " on " << c.body;
  }
};

TEST_F(Operators, OfEquality) {
  for (const Case& c : std::initializer_list<Case>{
           {"a: {eq: 5}", R"({"a":5})", kYes},
           {"a: {eq: 5}", R"({"a":5.0})", kYes},
           {"a: {eq: 5}", R"({"a":6})", kNo},
           {"a: {eq: 5}", R"({"a":"5"})", kUnknown},  // a server may take it for 5
           {"a: {eq: '5'}", R"({"a":"5"})", kYes},
           {"a: {eq: '5'}", R"({"a":5})", kUnknown},
           {"a: {eq: x}", R"({"a":"x"})", kYes},
           {"a: {eq: x}", R"({"a":"X"})", kNo},
           {"a: {eq: x}", R"({"a":["x"]})", kUnknown},
           {"a: {eq: x}", R"({"a":{"x":1}})", kUnknown},
           {"a: {eq: x}", R"({"a":null})", kUnknown},
           {"a: {eq: x}", R"({"b":"x"})", kUnknown},
           {"a: {eq: true}", R"({"a":true})", kYes},
           {"a: {eq: true}", R"({"a":false})", kNo},
           {"a: {eq: true}", R"({"a":1})", kUnknown},
           {"a: {eq: 'true'}", R"({"a":"true"})", kYes},
           {"a: {eq: null}", R"({"a":null})", kYes},
           {"a: {eq: null}", R"({"a":0})", kNo},
           {"a: {eq: 0.1}", R"({"a":0.1})", kYes},
           {"a: {eq: 9007199254740993}", R"({"a":9007199254740993})", kYes},
           {"a: {eq: 9007199254740993}", R"({"a":9007199254740992})", kNo},
           {"a: {eq: 18446744073709551615}", R"({"a":18446744073709551615})", kYes},
           {"a: x", R"({"a":"x"})", kYes},
           {"a: [x, y]", R"({"a":"y"})", kYes},
           {"a: {in: [x, y]}", R"({"a":"y"})", kYes},
           {"a: {in: [x, y]}", R"({"a":"z"})", kNo},
           {"a: {in: [x, 5]}", R"({"a":5})", kYes},
           {"a: {in: [x, 5]}", R"({"a":"z"})", kUnknown},  // not x, and perhaps taken for a number
           {"a: {ne: x}", R"({"a":"y"})", kYes},
           {"a: {ne: x}", R"({"a":"x"})", kNo},
           {"a: {ne: [x, y]}", R"({"a":"y"})", kNo},
           {"a: {ne: [x, y]}", R"({"a":"z"})", kYes},
           {"a: {ne: x}", R"({"a":5})", kUnknown},
           {"a: {ne: x}", R"({})", kUnknown},
       })
    check(c);
}

TEST_F(Operators, OfText) {
  for (const Case& c : std::initializer_list<Case>{
           {"a: {prefix: ab}", R"({"a":"abc"})", kYes},
           {"a: {prefix: ab}", R"({"a":"xab"})", kNo},
           {"a: {prefix: [x, ab]}", R"({"a":"abc"})", kYes},
           {"a: {prefix: ab}", R"({"a":5})", kUnknown},
           {"a: {prefix: ab}", R"({})", kUnknown},
           {"a: {prefix: 5}", R"({"a":"5x"})", kYes},
           {"a: {suffix: '@test'}", R"({"a":"me@test"})", kYes},
           {"a: {suffix: '@test'}", R"({"a":"me@test.evil"})", kNo},
           {"a: {suffix: '@test'}", R"({"a":["me@test"]})", kUnknown},
           {"a: {glob: 'a*c'}", R"({"a":"abc"})", kYes},
           {"a: {glob: 'a*c'}", R"({"a":"abcd"})", kNo},
           {"a: {glob: 'a*c'}", R"({"a":null})", kUnknown},
           {"a: {regex: '[a-z]+'}", R"({"a":"abc"})", kYes},
           {"a: {regex: '[a-z]+'}", R"({"a":"abc1"})", kNo},  // the whole value
           {"a: {regex: ['x', '[a-z]+1']}", R"({"a":"abc1"})", kYes},
           {"a: {regex: '(a+)+'}", R"({"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaX"})",
            kNo},
           {"a: {regex: '.'}", R"({"a":"ü"})", kYes},
           {"a: {regex: '.*'}", R"({"a":7})", kUnknown},
           {"a: {size: 3}", R"({"a":"aüb"})", kYes},
           {"a: {size: {le: 2}}", R"({"a":"abc"})", kNo},
           {"a: {size: {gt: 1, lt: 4}}", R"({"a":[1,2,3]})", kYes},
           {"a: {size: 2}", R"({"a":{"x":1,"y":2}})", kYes},
           {"a: {size: 0}", R"({"a":[]})", kYes},
           {"a: {size: 1}", R"({"a":7})", kUnknown},
           {"a: {size: 1}", R"({})", kUnknown},
       })
    check(c);
}

TEST_F(Operators, OfOrder) {
  for (const Case& c : std::initializer_list<Case>{
           {"a: {le: 500}", R"({"a":500})", kYes},
           {"a: {le: 500}", R"({"a":500.01})", kNo},
           {"a: {le: 500}", R"({"a":501})", kNo},
           {"a: {le: 500}", R"({"a":"500"})", kUnknown},
           {"a: {le: 500}", R"({"a":null})", kUnknown},
           {"a: {le: 500}", R"({"a":[1]})", kUnknown},
           {"a: {lt: 500}", R"({"a":500})", kNo},
           {"a: {lt: 500}", R"({"a":-1e3})", kYes},
           {"a: {gt: 500}", R"({"a":500})", kNo},
           {"a: {gt: 500}", R"({"a":500.5})", kYes},
           {"a: {ge: 500}", R"({"a":500})", kYes},
           {"a: {ge: 500}", R"({"a":499})", kNo},
           {"a: {gt: 0, le: 10}", R"({"a":0})", kNo},
           {"a: {gt: 0, le: 10}", R"({"a":10})", kYes},
           {"a: {lt: 9223372036854775807}", R"({"a":9223372036854775806})", kYes},
           {"a: {lt: 9223372036854775807}", R"({"a":9223372036854775807})", kNo},
           {"a: {gt: 2026-01-31T08:00:00Z}", R"({"a":"2026-01-31T09:00:01+01:00"})", kYes},
           {"a: {gt: 2026-01-31T08:00:00Z}", R"({"a":"2026-01-31T09:00:00+01:00"})", kNo},
           {"a: {ge: 2026-01-31T08:00:00Z}", R"({"a":"2026-01-31T09:00:00+01:00"})", kYes},
           {"a: {lt: 2026-01-31}", R"({"a":"2026-01-30"})", kYes},
           {"a: {le: '2026-01-31'}", R"({"a":"2026-02-01"})", kNo},
           {"a: {lt: 2026-01-31}", R"({"a":"2026-01-30T00:00:00Z"})", kUnknown},
           {"a: {lt: 2026-01-31}", R"({"a":"yesterday"})", kUnknown},
           {"a: {lt: 2026-01-31}", R"({"a":20260130})", kUnknown},
       })
    check(c);
}

TEST_F(Operators, OfPresence) {
  for (const Case& c : std::initializer_list<Case>{
           {"a: {exists: true}", R"({"a":5})", kYes},
           {"a: {exists: true}", R"({"a":null})", kYes},
           {"a: {exists: true}", R"({"b":5})", kNo},
           {"a: {exists: false}", R"({"b":5})", kYes},
           {"a: {exists: false}", R"({"a":5})", kNo},
           {"a.b: {exists: true}", R"({"a":5})", kNo},
           {"a.b: {exists: true}", R"({"a":{"b":1}})", kYes},
           {"'a[1]': {exists: true}", R"({"a":[1]})", kNo},
           {"a: {exists: true}", R"(not json)", kUnknown},
           {"a: {exists: false}", R"(not json)", kUnknown},
           // `exists` makes the answer for what is not there a plain one.
           {"a: {exists: true, eq: x}", R"({})", kNo},
           {"a: {exists: true, eq: x}", R"({"a":"x"})", kYes},
       })
    check(c);
}

TEST_F(Operators, OverArrays) {
  for (const Case& c : std::initializer_list<Case>{
           {"a: {all: {suffix: '@t'}}", R"({"a":["x@t","y@t"]})", kYes},
           {"a: {all: {suffix: '@t'}}", R"({"a":["x@t","y@u"]})", kNo},
           {"a: {all: {suffix: '@t'}}", R"({"a":["x@t",5]})", kUnknown},
           {"a: {all: {suffix: '@t'}}", R"({"a":[5,"x@u"]})", kNo},
           {"a: {all: {suffix: '@t'}}", R"({"a":[]})", kYes},
           {"a: {all: {suffix: '@t'}, size: {ge: 1}}", R"({"a":[]})", kNo},
           {"a: {all: {suffix: '@t'}}", R"({"a":"x@t"})", kUnknown},
           {"a: {any: {gt: 5}}", R"({"a":[1,6]})", kYes},
           {"a: {any: {gt: 5}}", R"({"a":[1,2]})", kNo},
           {"a: {any: {gt: 5}}", R"({"a":[1,"6"]})", kUnknown},
           {"a: {any: {gt: 5}}", R"({"a":["6",6]})", kYes},
           {"a: {any: {gt: 5}}", R"({"a":[]})", kNo},
           {"a: {none: {gt: 5}}", R"({"a":[1,2]})", kYes},
           {"a: {none: {gt: 5}}", R"({"a":[1,6]})", kNo},
           {"a: {none: {gt: 5}}", R"({"a":[1,"6"]})", kUnknown},
           {"a: {none: x}", R"({"a":["y"]})", kYes},
           {"a: {any: [x, y]}", R"({"a":["y"]})", kYes},
           {"a: {any: {path: b.c, gt: 5}}", R"({"a":[{"b":{"c":9}}]})", kYes},
           {"a: {all: {path: b, gt: 5}}", R"({"a":[{"b":9},{}]})", kUnknown},
           {"a: {all: {path: b, exists: true}}", R"({"a":[{"b":9},{}]})", kNo},
           {"a: {all: {path: b, any: {eq: 1}}}", R"({"a":[{"b":[0,1]},{"b":[1]}]})", kYes},
           {"a: {all: {path: b, any: {eq: 1}}}", R"({"a":[{"b":[0,1]},{"b":[2]}]})", kNo},
       })
    check(c);
}

TEST_F(Operators, Negated) {
  for (const Case& c : std::initializer_list<Case>{
           {"a: {not: {suffix: '@t'}}", R"({"a":"x@u"})", kYes},
           {"a: {not: {suffix: '@t'}}", R"({"a":"x@t"})", kNo},
           {"a: {not: {suffix: '@t'}}", R"({"a":5})", kUnknown},
           {"a: {not: {suffix: '@t'}}", R"({})", kUnknown},
           {"a: {not: x}", R"({"a":"y"})", kYes},
           {"a: {not: {gt: 1, lt: 5}}", R"({"a":7})", kYes},
           {"a: {not: {path: b, eq: 1}}", R"({"a":{"b":2}})", kYes},
           {"a: {any: {not: {suffix: '@t'}}}", R"({"a":["x@t","y@u"]})", kYes},
           {"a: {any: {not: {suffix: '@t'}}}", R"({"a":["x@t","y@t"]})", kNo},
           {"a: {not: {not: x}}", R"({"a":"x"})", kYes},
       })
    check(c);
}

TEST_F(Operators, AtPaths) {
  for (const Case& c : std::initializer_list<Case>{
           {"a.b.c: 1", R"({"a":{"b":{"c":1}}})", kYes},
           {"'a[1].b': 1", R"({"a":[0,{"b":1}]})", kYes},
           {"'[\"a.b\"]': 1", R"({"a.b":1})", kYes},
           {"$: {size: 2}", R"([1,2])", kYes},
           {"'$[1]': 2", R"([1,2])", kYes},
           {"'body:a': 1", R"({"a":1})", kYes},
           {"a: 1, b: 2", R"({"a":1,"b":2})", kYes},
           {"a: 1, b: 2", R"({"a":1,"b":3})", kNo},
           {"a: 1, b: 2", R"({"b":3})", kNo},  // what is known to fail decides
           {"a: 1, b: 2", R"({"b":2})", kUnknown},
       })
    check(c);
  EXPECT_EQ(truth("args: [{path: a, eq: 1}, {path: a, ne: 2}]", {.body = R"({"a":1})"}), kYes);
}

TEST_F(Operators, OnTheQueryAndThePathHaveNoTypes) {
  const auto query = [&](const char* test, const char* text) {
    return truth(std::string("args: {") + test + "}", {.query = text});
  };
  EXPECT_EQ(query("a: {le: 500}", "a=500"), kYes);
  EXPECT_EQ(query("a: {le: 500}", "a=501"), kNo);
  EXPECT_EQ(query("a: {le: 500}", "a=5e2"), kYes);
  EXPECT_EQ(query("a: {le: 500}", "a=0x1"), kUnknown);
  EXPECT_EQ(query("a: {le: 500}", "a=007"), kUnknown);
  EXPECT_EQ(query("a: {le: 500}", "a="), kUnknown);
  EXPECT_EQ(query("a: 5", "a=5"), kYes);
  EXPECT_EQ(query("a: '5'", "a=5"), kYes);
  EXPECT_EQ(query("a: true", "a=true"), kYes);
  EXPECT_EQ(query("a: true", "a=1"), kUnknown);
  EXPECT_EQ(query("a: null", "a=null"), kNo);
  EXPECT_EQ(query("a: 'x y'", "a=x+y"), kYes);
  EXPECT_EQ(query("a: 'x y'", "%61=x%20y"), kYes);
  EXPECT_EQ(query("'query:a': 1", "a=1"), kYes);
  EXPECT_EQ(query("'body:a': 1", "a=1"), kUnknown);
  // A parameter that is there twice has no single value, but can be looked at as a list.
  EXPECT_EQ(query("a: 1", "a=1&a=2"), kUnknown);
  EXPECT_EQ(query("a: {all: {le: 2}}", "a=1&a=2"), kYes);
  EXPECT_EQ(query("a: {all: {le: 2}}", "a=1&a=3"), kNo);
  EXPECT_EQ(query("a: {any: {eq: 3}}", "a=3"), kYes);
  EXPECT_EQ(query("a: {size: 2}", "a=1&a=3"), kYes);
  EXPECT_EQ(query("a: {exists: true}", "a"), kYes);
  EXPECT_EQ(query("a: {exists: false}", "b=1"), kYes);
  EXPECT_EQ(query("a: 1", "a=1;b=2"), kUnknown);  // some servers split there
  EXPECT_EQ(query("a: 1", "a=1&b=%zz"), kUnknown);
  EXPECT_EQ(query("a: 1", "a=1&b=%ff"), kUnknown);
  EXPECT_EQ(query("a: 1", "a=1&b=%00"), kUnknown);

  EXPECT_EQ(truth("args: {id: 7}"), kYes);
  EXPECT_EQ(truth("args: {'path:id': 7}"), kYes);
  EXPECT_EQ(truth("captures: {id: {in: [7, 8]}}"), kYes);
  EXPECT_EQ(truth("captures: {id: {in: [8]}}"), kNo);
  EXPECT_EQ(truth("captures: {other: {in: [8]}}"), kUnknown);
  EXPECT_EQ(truth("captures: {id: {le: 10}}", {.arguments = false}), kYes);
  EXPECT_EQ(truth("captures: {id: 7}", {.host = "unnamed.test"}), kUnknown);
}

TEST_F(Operators, AnArgumentInTwoPlacesHasNoSingleValue) {
  EXPECT_EQ(truth("args: {a: 1}", {.query = "a=1", .body = R"({"a":501})"}), kUnknown);
  EXPECT_EQ(truth("args: {id: 7}", {.query = "id=9"}), kUnknown);
  EXPECT_EQ(truth("args: {'query:a': 1}", {.query = "a=1", .body = R"({"a":501})"}), kYes);
  // And when nobody can say whether the body has it too.
  EXPECT_EQ(truth("args: {a: 1}", {.query = "a=1", .body = "nonsense"}), kUnknown);
  EXPECT_EQ(truth("args: {a: 1}", {.query = "a=%zz", .body = R"({"a":1})"}), kUnknown);
  EXPECT_EQ(truth("args: {'query:a': 1}", {.query = "a=1", .body = "nonsense"}), kYes);
}

TEST_F(Operators, AreLimitedInTheWorkTheyDo) {
  // 600,000 elements for one call: what is beyond the bound has no answer.
  std::string body = R"({"a":[)";
  for (int i = 0; i < 200'000; ++i) body += "1,";
  body += "1]}";
  const char* kTest =
      "args: [{path: a, all: {in: [1]}}, {path: a, all: {in: [1]}}, {path: a, all: {in: [1]}}]";
  EXPECT_EQ(truth(kTest, {.body = body}), kUnknown);
  EXPECT_EQ(truth("args: {a: {all: {in: [1]}}}", {.body = body}), kYes);
}

}  // namespace
}  // namespace writ::policy
