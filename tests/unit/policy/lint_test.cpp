// Rules that mean nothing beside the others are warned of, and no others.
#include "policy/lint.h"

#include "policy/support.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class LintTest : public Language {
 protected:
  std::string said(const std::string& rules) {
    load("rules: [" + rules + "]");
    return text_of(diagnostics_);
  }
};

TEST_F(LintTest, NamesShadowedAllows) {
  EXPECT_THAT(said("{id: a, effect: allow, tools: [pay], users: [sarah]}, {id: d, effect: deny, "
                   "tools: ['p*']}"),
              HasSubstr("rules.yaml:2:9: warning: rule 'a' allows nothing: rule 'd' (rules.yaml:2) "
                        "denies all of it"));
  for (const char* pair :
       {"{id: a, effect: allow, tools: ['*']}, {id: d, effect: deny}",
        "{id: a, effect: allow, tools: [pay, '?']}, {id: d, effect: deny}",
        "{id: a, effect: allow, tools: [pay], users: [x]}, {id: d, effect: deny, users: [w, x]}",
        "{id: a, effect: allow, tools: [pay], roles: [x]}, {id: d, effect: deny, roles: [x]}",
        "{id: a, effect: allow, tools: [pay], identity: token}, {id: d, effect: deny, identity: "
        "login}",
        "{id: a, effect: allow, tools: [pay], scopes: [crm.*]}, {id: d, effect: deny, scopes: "
        "[crm.read]}",
        "{id: a, effect: allow, tools: [pay], args: {x: 1, y: 2}}, {id: d, effect: deny, args: {y: "
        "2}}",
        "{id: a, effect: allow, tools: [pay], hosts: [x.test]}, {id: d, effect: deny, hosts: "
        "[x.test, y.test]}",
        "{id: a, effect: allow, tools: [pay], destinations: [10.0.0.1]}, {id: d, effect: deny, "
        "destinations: [10.0.0.1]}"})
    EXPECT_THAT(said(pair), HasSubstr("rule 'a' allows nothing")) << pair;
}

TEST_F(LintTest, SaysNothingOfAllowsThatAllow) {
  for (const char* pair :
       {"{id: a, effect: allow, tools: ['*']}, {id: d, effect: deny, tools: [pay]}",
        "{id: a, effect: allow, tools: [pay, '?']}, {id: d, effect: deny, tools: [pay]}",
        "{id: a, effect: allow, tools: [pay], users: [x, y]}, {id: d, effect: deny, users: [x]}",
        "{id: a, effect: allow, tools: [pay]}, {id: d, effect: deny, users: [x]}",
        "{id: a, effect: allow, tools: [pay], users: [x]}, {id: d, effect: deny, agents: [x]}",
        "{id: a, effect: allow, tools: [pay], identity: login}, {id: d, effect: deny, identity: "
        "token}",
        "{id: a, effect: allow, tools: [pay], scopes: [crm.read]}, {id: d, effect: deny, scopes: "
        "[crm.*]}",
        "{id: a, effect: allow, tools: [pay], args: {y: 2}}, {id: d, effect: deny, args: {x: 1, y: "
        "2}}",
        "{id: a, effect: allow, tools: [pay], args: {y: 3}}, {id: d, effect: deny, args: {y: 2}}",
        "{id: a, effect: allow, tools: [pay]}, {id: f, effect: flag}",
        "{id: a, effect: allow, tools: [pay]}, {id: h, effect: deny, findings: [pii]}",
        "{id: a, effect: allow, tools: [pay]}, {id: b, effect: allow, tools: ['*']}"})
    EXPECT_THAT(said(pair), IsEmpty()) << pair;
}

TEST_F(LintTest, NamesRulesThatAreNeverReached) {
  EXPECT_THAT(said("{id: b, effect: deny, tools: [pay]}, {id: a, effect: deny}"),
              HasSubstr("rule 'b' is never reached: rule 'a' (rules.yaml:2) decides whenever"));
  EXPECT_THAT(said("{id: a, effect: flag, tools: [pay]}, {id: b, effect: deny}"),
              HasSubstr("rule 'a' is never reached"));
  EXPECT_THAT(said("{id: z, effect: allow, tools: [pay]}, {id: b, effect: allow, tools: ['*']}"),
              HasSubstr("rule 'z' is never reached"));
  EXPECT_THAT(said("{id: a, effect: deny, tools: [pay]}, {id: b, effect: deny}"), IsEmpty());
}

TEST_F(LintTest, NamesRulesThatContradictThemselves) {
  EXPECT_THAT(said("{id: r, effect: deny, identity: token, identity_below: login}"),
              HasSubstr("rule 'r' matches nothing: nobody is known"));
  EXPECT_THAT(said("{id: r, effect: deny, identity: token, identity_below: token}"),
              HasSubstr("rule 'r' matches nothing"));
  EXPECT_THAT(said("{id: r, effect: deny, identity: login, identity_below: token}"), IsEmpty());
  EXPECT_THAT(said("{id: r, effect: deny, tools: [pay], effects: [read]}"),
              HasSubstr("none of its tools has that effect"));
  EXPECT_THAT(said("{id: r, effect: deny, tools: ['*'], effects: [read]}"), IsEmpty());
}

}  // namespace
}  // namespace writ::policy
