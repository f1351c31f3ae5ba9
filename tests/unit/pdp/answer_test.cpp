#include "pdp/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::pdp {
namespace {

using testing::HasSubstr;

PdpAnswer opa(const std::string& body) { return parse_answer(Dialect::kOpa, body); }
PdpAnswer authzen(const std::string& body) { return parse_answer(Dialect::kAuthZen, body); }

TEST(Answer, OpaDecisions) {
  EXPECT_EQ(opa(R"({"result":true})"),
            (PdpAnswer{.verdict = Verdict::kAllow, .code = "pdp_allowed", .answered = true}));
  EXPECT_EQ(opa(R"( {"decision_id":"x","metrics":{"a":1},"result" : false} )"),
            (PdpAnswer{.verdict = Verdict::kDeny, .code = "pdp_denied", .answered = true}));
  EXPECT_EQ(opa(R"({"result":{"decision":"flag","reason":"r","rule":"u","more":[1]}})"),
            (PdpAnswer{.verdict = Verdict::kFlag,
                       .code = "pdp_flagged",
                       .reason = "r",
                       .rule = "u",
                       .answered = true}));
  EXPECT_EQ(opa(R"({"result":{"decision":"allow"}})").verdict, Verdict::kAllow);
  EXPECT_EQ(opa(R"({"result":{"decision":"\u0061llow"}})").verdict, Verdict::kAllow);
}

TEST(Answer, WhatOpaMustNotSay) {
  for (const char* body : {
           "",
           " ",
           "null",
           "true",
           "[true]",
           "\"allow\"",
           "1",
           "{",
           "{}}",
           R"({"result":true}x)",
           R"({"result":null})",
           R"({"result":1})",
           R"({"result":"allow"})",
           R"({"result":[true]})",
           R"({"result":{}})",
           R"({"result":{"decision":true}})",
           R"({"result":{"decision":null}})",
           R"({"result":{"decision":"Allow"}})",
           R"({"result":{"decision":"allow "}})",
           R"({"result":{"decision":""}})",
           R"({"result":{"decision":"hold"}})",
           R"({"result":{"decision":"allow","reason":7}})",
           R"({"result":{"decision":"allow","rule":null}})",
           R"({"result":false,"result":true})",
           R"({"result":{"decision":"deny","decision":"allow"}})",
           "{\"result\":true,\"x\":\"\xff\"}",
           "\xEF\xBB\xBF{\"result\":true}",
       }) {
    const PdpAnswer got = opa(body);
    EXPECT_EQ(got.code, "pdp_bad_answer") << body;
    EXPECT_EQ(got.verdict, Verdict::kDeny) << body;
    EXPECT_FALSE(got.answered) << body;
    EXPECT_NE(got.reason, "") << body;
  }
  std::string deep =
      R"({"result":true,"x":)" + std::string(5000, '[') + std::string(5000, ']') + '}';
  EXPECT_EQ(opa(deep).code, "pdp_bad_answer");
}

TEST(Answer, NothingSaidIsUndefined) {
  for (const char* body : {"{}", R"({"Result":true})", R"({"decision":true})",
                           R"({"code":"internal_error","message":"x"})"}) {
    EXPECT_EQ(opa(body).code, "pdp_undefined") << body;
    EXPECT_FALSE(opa(body).answered) << body;
  }
}

TEST(Answer, TextsAreBoundedAndShow) {
  const PdpAnswer got =
      opa(R"({"result":{"decision":"deny","reason":"a\n\u202eb)" + std::string(2000, 'x') +
          R"(","rule":"\u001b[2J)" + std::string(2000, 'y') + R"("}})");
  EXPECT_EQ(got.code, "pdp_denied");
  EXPECT_THAT(got.reason, testing::StartsWith("a??bxxx"));
  EXPECT_THAT(got.reason, testing::EndsWith("x…"));
  EXPECT_LE(got.reason.size(), kMaxReason);
  EXPECT_THAT(got.rule, testing::StartsWith("?[2Jyyy"));
  EXPECT_LE(got.rule.size(), kMaxRule);
  EXPECT_THAT(opa(R"({"result":{"decision":")" + std::string(9000, 'z') + "\"}}").reason,
              HasSubstr("zzz…'"));
}

TEST(Answer, AuthZenDecisions) {
  EXPECT_EQ(authzen(R"({"decision":true})").verdict, Verdict::kAllow);
  EXPECT_EQ(authzen(R"({"decision":false})").code, "pdp_denied");
  EXPECT_EQ(authzen(R"({"decision":true,"context":null})").verdict, Verdict::kAllow);
  // The specification's own example of a context.
  const PdpAnswer got = authzen(R"({"decision": true, "context": {"id": "0",
      "reason_admin": {"en": "Request failed policy C076E82F"},
      "reason_user": {"en-403": "Insufficient privileges", "es-403": "Privilegios"}}})");
  EXPECT_EQ(got.reason, "Insufficient privileges");
  EXPECT_EQ(got.rule, "0");
  EXPECT_EQ(authzen(R"({"decision":false,"context":{"reason":"viewer","rule":"r","id":"i"}})").rule,
            "r");
  EXPECT_EQ(authzen(R"({"decision":true,"context":{"id":7,"reason":{"a":1}}})").verdict,
            Verdict::kAllow);
}

TEST(Answer, AuthZenFlagsWhatItAllows) {
  EXPECT_EQ(authzen(R"({"decision":true,"context":{"flag":true}})").code, "pdp_flagged");
  EXPECT_EQ(authzen(R"({"decision":true,"context":{"flag":false}})").code, "pdp_allowed");
  EXPECT_EQ(authzen(R"({"decision":false,"context":{"flag":true}})").code, "pdp_denied");
}

TEST(Answer, WhatAuthZenMustNotSay) {
  for (const char* body :
       {"", "{}", "true", R"({"decision":"true"})", R"({"decision":1})", R"({"decision":null})",
        R"({"result":true})", R"({"decision":true,"context":[]})",
        R"({"decision":true,"context":"x"})", R"({"decision":false,"decision":true})",
        R"({"decision":true,"context":{"flag":"yes"}})",
        R"({"evaluations":[{"decision":true}]})"}) {
    EXPECT_EQ(authzen(body).code, "pdp_bad_answer") << body;
    EXPECT_EQ(authzen(body).verdict, Verdict::kDeny) << body;
  }
}

TEST(Answer, SizeIsBounded) {
  const std::string yes = R"({"result":true})";
  EXPECT_EQ(opa(yes + std::string(kMaxAnswerBytes - yes.size(), ' ')).code, "pdp_allowed");
  EXPECT_EQ(opa(yes + std::string(kMaxAnswerBytes - yes.size() + 1, ' ')).code, "pdp_bad_answer");
}

}  // namespace
}  // namespace writ::pdp
