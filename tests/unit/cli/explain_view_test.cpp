// How an explanation reads, and which call the options of the command line describe.
#include "cli/explain_view.h"

#include "cli/asked_options.h"
#include "cli/recorded_support.h"

namespace writ::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Palette kPlain(false);

struct ExplainViewTest : testing::Test {
  ExplainViewTest() {
    Diagnostics found;
    directory_ = identity::Directory::load_from_text(
        {"users.yaml",
         "users:\n  - {id: sarah, scopes: [crm.*], roles: [sales]}\n"
         "  - {id: cfo, scopes: [pay.*]}\n  - {id: tom, tenant: acme, scopes: [pay.*]}\n"},
        {"agents.yaml",
         "agents:\n  - {id: assistant, scopes: [pay.out, crm.read]}\n"
         "  - {id: assistant, tenant: acme, scopes: [pay.out]}\n"},
        found,
        [](const std::string&) -> Result<uid_t> { return fail(ErrorCode::kNotFound, "none"); });
    for (const Diagnostic& d : found) ADD_FAILURE() << to_string(d);
    asked_.user = "cfo";
    asked_.agent = "assistant";
    asked_.tool = "pay";
    policies_ = policies_of(
        "rules:\n  - {id: all, effect: allow, tools: ['*']}\n"
        "  - {id: cap, effect: deny, tools: [pay], args: {amount: {gt: 500}}}\n"
        "  - {id: cards, effect: flag, findings: [pii]}\n"
        "  - {id: night, effect: deny, during: {from: '20:00', to: '06:00'}}\n"
        "  - {id: circles, effect: deny, repeat: {more_than: 3}}\n"
        "  - {id: sub, effect: deny, tiers: [subagent], identity_below: token}\n"
        "  - {id: loud, effect: deny, tools: [pay], used_before: [web.get]}\n");
    asked_.at = "2026-01-30T12:00:00Z";
    asked_.args = "{\"amount\": 5}";
  }

  ExplainView view() {
    const auto call = asked_call(asked_, *directory_);
    EXPECT_TRUE(call) << call.error().message;
    const policy::Policy& policy = *policies_->of(call->writ.tenant);
    return explain_view(policy, policy::AskedInput(policy, *call).input());
  }
  std::string text() { return explain_text(view(), kPlain); }
  Error wrong() {
    const auto call = asked_call(asked_, *directory_);
    EXPECT_FALSE(call);
    return call ? Error{} : call.error();
  }

  std::optional<identity::Directory> directory_;
  std::shared_ptr<const policy::PolicySet> policies_;
  AskedOptions asked_;
};

TEST_F(ExplainViewTest, Allowed) {
  EXPECT_THAT(text(), AllOf(HasSubstr("Allowed by rule all (allowed), policy "),
                            HasSubstr("pay, which needs pay.out; cfo by assistant has pay.out"),
                            HasSubstr("tools yes"), HasSubstr("decided"),
                            HasSubstr("rule cap would deny it, if 'args' held")));
}

TEST_F(ExplainViewTest, AScopeIsMissing) {
  asked_.user = "sarah";
  EXPECT_THAT(text(), AllOf(HasSubstr("Denied by scope_missing"),
                            HasSubstr("agent assistant has it, user sarah does not"),
                            HasSubstr("scope pay.out is missing")));
}

TEST_F(ExplainViewTest, ARuleDenies) {
  asked_.args = "{\"amount\": 501}";
  const std::string shown = text();
  EXPECT_THAT(shown, AllOf(HasSubstr("Denied by rule cap (rule_denied)"),
                           HasSubstr("tools yes, args yes"), HasSubstr("rules.yaml:4"),
                           HasSubstr("rule cap holds; it would not, if one of")));
  EXPECT_LT(shown.find("deny   cap"), shown.find("allow  all")) << shown;
}

TEST_F(ExplainViewTest, AnArgumentIsUndefined) {
  asked_.args = "{\"sum\": 5}";
  EXPECT_THAT(text(), AllOf(HasSubstr("Denied by rule cap"), HasSubstr("args unknown"),
                            HasSubstr("its condition 'args' cannot be answered")));
}

TEST_F(ExplainViewTest, EachOptionCounts) {
  const auto rule = [&] { return view().explanation.decision.rule; };
  EXPECT_EQ(rule(), "all");
  asked_.findings = {"pii.card"};
  EXPECT_EQ(rule(), "cards");
  asked_.used = {"web.get"};
  EXPECT_EQ(rule(), "loud");
  asked_.used.clear();
  asked_.repeated = 3;
  EXPECT_EQ(rule(), "circles");
  asked_.repeated = 2;
  EXPECT_EQ(rule(), "cards");
  asked_.at = "2026-01-30T23:00:00Z";
  EXPECT_EQ(rule(), "night");
  asked_.at = "2026-01-30T12:00:00Z";
  asked_.tier = "subagent";
  EXPECT_EQ(rule(), "sub");
  asked_.identity = "token";
  EXPECT_EQ(rule(), "cards");
  asked_.tool = "";
  asked_.host = "ACME.test";
  asked_.path = "/crm/7";
  EXPECT_EQ(view().tool, "crm.get") << "GET is the default";
  asked_.method = "POST";
  EXPECT_EQ(view().explanation.decision.code, "tool_unknown");
  EXPECT_THAT(text(), HasSubstr("no tool of the catalog names the request"));
}

TEST_F(ExplainViewTest, OptionsAreChecked) {
  asked_.args = "{\"amount\": ";
  EXPECT_THAT(wrong().message, HasSubstr("--args"));
  asked_.args.clear();
  asked_.at = "tomorrow";
  EXPECT_THAT(wrong().message, HasSubstr("--at 'tomorrow'"));
  asked_.at.clear();
  asked_.captures = {"id"};
  EXPECT_THAT(wrong().message, HasSubstr("NAME=VALUE"));
  asked_.captures.clear();
  asked_.tool.clear();
  EXPECT_THAT(wrong().message, HasSubstr("--tool"));
  asked_.host = "acme.test";
  asked_.path = "pay";
  EXPECT_THAT(wrong().message, HasSubstr("begin with '/'"));
  asked_.path = "/pay";
  asked_.agent.clear();
  EXPECT_THAT(wrong().message, HasSubstr("--agent"));
  asked_.agent = "nobody";
  EXPECT_EQ(wrong().code, ErrorCode::kNotFound);
  asked_.agent = "assistant";
  asked_.user = "nobody";
  EXPECT_EQ(wrong().code, ErrorCode::kNotFound);
}

TEST_F(ExplainViewTest, ThePersonsTenantIsTheAgentsToo) {
  asked_.user = "tom";
  const auto call = asked_call(asked_, *directory_);
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->writ.tenant, "acme");
  EXPECT_EQ(call->writ.agent.tenant, "acme");
}

struct RecordedExplainTest : ExplainViewTest {
  std::string explained(const v1::Call& record) {
    const RecordedCall call(record);
    const policy::Policy& policy = *policies_->of("default");
    const policy::SessionFacts facts;
    const auto match = call.match(policy);
    ExplainView view = explain_view(policy, call.input(match ? &*match : nullptr, &facts));
    view.recorded = {.decision = record.decision(),
                     .decider = call.decider(),
                     .open = rejudge(policy, call, &facts).open,
                     .stopped_later = call.stopped_later()};
    document_ = explain_document(view);
    return explain_text(view, kPlain);
  }
  google::protobuf::Struct document_;
};

TEST_F(RecordedExplainTest, SaysWhichPolicyDecidedAndWhatIsNotOnRecord) {
  v1::Call pay = recorded(1, "POST", "/pay");
  decision_of(pay).set_policy_version("old");
  decision_of(pay).set_reason("sarah may");
  EXPECT_THAT(explained(pay),
              AllOf(HasSubstr("Call c-1, 2026-01-02T12:04:05.678Z: allowed by rule all (allowed), "
                              "under policy old\n  sarah may"),
                    HasSubstr("not the one that decided then"),
                    HasSubstr("the verdict hangs on args"), HasSubstr("args unknown")));
  EXPECT_EQ(document_.fields().at("undecided").list_value().values(0).string_value(), "args");
  EXPECT_EQ(document_.fields().at("recorded").struct_value().fields().at("verdict").string_value(),
            "allow");
  v1::Call crm = recorded(1, "GET", "/crm/1");
  decision_of(crm).set_policy_version(policies_->of("default")->version());
  EXPECT_THAT(explained(crm), AllOf(Not(HasSubstr("not the one")), Not(HasSubstr("hangs"))));
}

TEST_F(RecordedExplainTest, SaysWhatNoPolicyDecided) {
  v1::Call limited = recorded(1, "GET", "/crm/1");
  deny(limited, "limits", "limit_tool_calls");
  EXPECT_THAT(explained(limited), HasSubstr("No rule of a policy decided that"));
}

TEST_F(RecordedExplainTest, HostileTextStaysText) {
  v1::Call odd = recorded(1, "GET", "/crm/\x1b[31m");
  decision_of(odd).set_reason("\x1b]0;title\x07");
  EXPECT_THAT(explained(odd), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace writ::cli
