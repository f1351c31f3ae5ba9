#include "cli/trace_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kTime = 1'767'323'045'678'000'000;  // 2026-01-02T03:04:05.678Z

v1::Finding finding(const std::string& rule, const std::string& category, std::uint32_t count,
                    std::uint64_t offset, const std::string& sample) {
  v1::Finding found;
  found.set_rule(rule);
  found.set_category(category);
  found.set_count(count);
  found.set_offset(offset);
  found.set_sample(sample);
  return found;
}

void scan(v1::Scan& scan, std::uint64_t bytes) {
  scan.set_ruleset("9c1e");
  scan.add_categories("pii");
  scan.add_categories("injection");
  scan.set_bytes(bytes);
  scan.set_complete(true);
}

// Sarah reads a CRM contact, whose notes carry an instruction.
v1::TraceResponse allowed() {
  v1::TraceResponse trace;
  trace.set_intact(true);
  trace.set_integrity("both records verify");
  trace.set_segment(1);
  v1::Record& record = *trace.mutable_call()->mutable_decision();
  record.set_sequence(12);
  record.set_time_unix_ns(kTime);
  record.set_trace_id("0af7651916cd43dd8448eb211c80319c");
  v1::Decision& d = *record.mutable_decision();
  d.set_call_id("c-7f3a");
  d.set_session_id("s-1");
  d.set_writ_id("w-1");
  d.set_tenant("acme");
  d.mutable_user()->set_id("sarah");
  d.mutable_user()->set_email("sarah@acme.test");
  d.mutable_user()->add_roles("sales");
  d.mutable_user()->add_scopes("crm.contacts.read");
  d.mutable_user()->set_via("run --user");
  d.mutable_agent()->set_id("sales-assistant");
  d.mutable_agent()->add_scopes("crm.contacts.read");
  d.mutable_agent()->add_scopes("finance.revenue.read");
  d.add_chain("sales-assistant");
  d.mutable_scopes()->add_effective("crm.contacts.read");
  d.mutable_scopes()->add_required("crm.contacts.read");
  d.mutable_tool()->set_name("crm.contact.read");
  d.mutable_tool()->set_effect(v1::EFFECT_READ);
  (*d.mutable_tool()->mutable_captures())["id"] = "42";
  d.mutable_destination()->set_address("127.0.0.1");
  d.mutable_destination()->set_port(8443);
  d.mutable_destination()->set_host("crm.acme.test");
  d.mutable_destination()->set_tls(true);
  d.mutable_request()->set_protocol("http/1.1");
  d.mutable_request()->set_method("GET");
  d.mutable_request()->set_path("/contacts/42");
  d.mutable_request()->set_bytes(187);
  d.mutable_request()->set_complete(true);
  d.mutable_process()->set_pid(4242);
  d.mutable_process()->set_exe("/usr/bin/python3.11");
  d.set_mode(v1::MODE_ENFORCE);
  d.set_verdict(v1::VERDICT_ALLOW);
  d.set_rule("sales-reads-crm");
  d.set_reason("sarah may use crm.contact.read");
  d.set_code("allowed");
  d.set_policy_version("77aa");
  d.set_held_ns(412'000);
  scan(*d.mutable_scan(), 187);

  v1::Record& after = *trace.mutable_call()->mutable_outcome();
  after.set_sequence(13);
  after.set_trace_id(record.trace_id());
  v1::Outcome& o = *after.mutable_outcome();
  o.set_call_id("c-7f3a");
  o.set_session_id("s-1");
  o.set_result("completed");
  o.set_status(200);
  o.set_bytes(4300);
  o.set_digest("d1d1");
  o.set_duration_ns(12'400'000);
  scan(*o.mutable_scan(), 4300);
  *o.add_findings() = finding("pii.email", "pii", 2, 90, "s****@acme.test");
  *o.add_findings() = finding("injection.ignore", "injection", 1, 1200, "ignore all pre*****");
  return trace;
}

// She asks for the revenue, which the agent may read and she may not.
v1::TraceResponse denied() {
  v1::TraceResponse trace = allowed();
  v1::Decision& d = *trace.mutable_call()->mutable_decision()->mutable_decision();
  d.set_call_id("c-80b1");
  d.mutable_scopes()->clear_required();
  d.mutable_scopes()->add_required("finance.revenue.read");
  d.mutable_scopes()->add_missing("finance.revenue.read");
  d.mutable_tool()->Clear();
  d.mutable_tool()->set_name("finance.revenue.read");
  d.mutable_tool()->set_effect(v1::EFFECT_READ);
  d.mutable_destination()->set_host("finance.acme.test");
  d.mutable_request()->set_path("/revenue/2025-q4");
  d.set_verdict(v1::VERDICT_DENY);
  d.set_rule("scopes");
  d.set_code("scope_missing");
  d.set_reason("sarah has not finance.revenue.read");
  *d.add_findings() = finding("pii.card", "pii", 1, 120, "4111********1111");
  v1::Outcome& o = *trace.mutable_call()->mutable_outcome()->mutable_outcome();
  o.Clear();
  o.set_result("aborted");
  o.set_duration_ns(90'000);
  return trace;
}

std::string text(const v1::TraceResponse& trace) { return trace_text(trace, Palette(false)); }

// No byte of it was seen, and nothing is claimed of where it went.
TEST(TraceText, ACallThatItsCallerDescribed) {
  v1::TraceResponse trace = allowed();
  v1::Decision& d = *trace.mutable_call()->mutable_decision()->mutable_decision();
  d.mutable_request()->set_protocol("decide");
  d.clear_session_id();
  d.mutable_destination()->Clear();
  const std::string unsaid = text(trace);
  EXPECT_THAT(unsaid, HasSubstr("Session            none, mode enforce, writ w-1"));
  EXPECT_THAT(unsaid, HasSubstr("Destination        not said by the caller"));
  EXPECT_THAT(unsaid, HasSubstr("Described          187 B"));
  d.mutable_destination()->set_host("crm.acme.test");
  EXPECT_THAT(text(trace), HasSubstr("Destination        crm.acme.test, says the caller\n"));
}

TEST(TraceText, TheNamesThatDnsGaveTheAddress) {
  v1::TraceResponse trace = allowed();
  v1::Destination& to =
      *trace.mutable_call()->mutable_decision()->mutable_decision()->mutable_destination();
  to.add_dns_names("www.acme.test");
  to.add_dns_names("api.acme.test");
  EXPECT_THAT(text(trace),
              HasSubstr("at 127.0.0.1:8443, by DNS www.acme.test, api.acme.test, over TLS\n"));
}

TEST(TraceText, AllowedCall) {
  EXPECT_EQ(text(allowed()), R"(Call c-7f3a: allowed, 2026-01-02T03:04:05.678Z

1. Who asked?
   Person             sarah <sarah@acme.test>, roles: sales
   Known by           run --user
   Tenant             acme
   Agent              sales-assistant
   Delegation         sales-assistant
   Process            4242, /usr/bin/python3.11
   Session            s-1, mode enforce, writ w-1

2. With what permissions?
   The person has     crm.contacts.read
   The agent has      crm.contacts.read, finance.revenue.read
   Both have          crm.contacts.read
   The tool needs     crm.contacts.read
   Verdict            allowed
   Decided by         rule sales-reads-crm (allowed), policy 77aa
   Because            sarah may use crm.contact.read

3. What data was accessed?
   Tool               crm.contact.read (read)
   Destination        crm.acme.test at 127.0.0.1:8443, over TLS
   Request            GET /contacts/42 (http/1.1)
   Arguments          id=42
   Sent by the agent  187 B
   Found in it        nothing
   Result             completed, status 200
   Received           4.2 KiB, body digest d1d1
   Took               12.4 ms from the decision; held 412 µs before it
   Found in it
     - pii.email (pii): 2 times, first at byte 90, "s****@acme.test"
     - injection.ignore (injection): 1 time, first at byte 1200, "ignore all pre*****"

4. Was the input scanned for injection?
   The arguments      yes, all 187 B, by rules 9c1e
                      no injection found
   The result         yes, all 4.2 KiB, by rules 9c1e
                      injection found:
     - injection.ignore (injection): 1 time, first at byte 1200, "ignore all pre*****"

5. Is there an audit record tying all of that together, and is it intact?
   Records            decision #12, outcome #13, in segment 1
   Trace id           0af7651916cd43dd8448eb211c80319c
   Intact             yes: both records verify
)");
}

TEST(TraceText, DeniedCall) {
  EXPECT_EQ(text(denied()), R"(Call c-80b1: denied, 2026-01-02T03:04:05.678Z

1. Who asked?
   Person             sarah <sarah@acme.test>, roles: sales
   Known by           run --user
   Tenant             acme
   Agent              sales-assistant
   Delegation         sales-assistant
   Process            4242, /usr/bin/python3.11
   Session            s-1, mode enforce, writ w-1

2. With what permissions?
   The person has     crm.contacts.read
   The agent has      crm.contacts.read, finance.revenue.read
   Both have          crm.contacts.read
   The tool needs     finance.revenue.read
   Missing            finance.revenue.read
   Verdict            denied
   Decided by         rule scopes (scope_missing), policy 77aa
   Because            sarah has not finance.revenue.read

3. What data was accessed?
   Tool               finance.revenue.read (read)
   Destination        finance.acme.test at 127.0.0.1:8443, over TLS
   Request            GET /revenue/2025-q4 (http/1.1)
   Sent by the agent  187 B
   Found in it
     - pii.card (pii): 1 time, first at byte 120, "4111********1111"
   Result             aborted: the agent's connection was ended
                      the held request did not leave this host
   Took               90 µs from the decision; held 412 µs before it

4. Was the input scanned for injection?
   The arguments      yes, all 187 B, by rules 9c1e
                      no injection found
   The result         there is none

5. Is there an audit record tying all of that together, and is it intact?
   Records            decision #12, outcome #13, in segment 1
   Trace id           0af7651916cd43dd8448eb211c80319c
   Intact             yes: both records verify
)");
}

TEST(TraceText, WithoutAnOutcomeNothingIsClaimed) {
  v1::TraceResponse trace = allowed();
  trace.mutable_call()->clear_outcome();
  EXPECT_THAT(text(trace), HasSubstr("Result             not recorded"));
  EXPECT_THAT(text(trace), Not(HasSubstr("completed")));
}

TEST(TraceText, ObserveModeOnlySaysWhatWouldHaveBeen) {
  v1::TraceResponse trace = denied();
  trace.mutable_call()->mutable_decision()->mutable_decision()->set_mode(v1::MODE_OBSERVE);
  v1::Outcome& o = *trace.mutable_call()->mutable_outcome()->mutable_outcome();
  o.set_result("completed");
  o.set_status(200);
  EXPECT_THAT(text(trace), HasSubstr("observed; would have been denied"));
  EXPECT_THAT(text(trace), HasSubstr("would have been denied\n"));
  EXPECT_THAT(text(trace), Not(HasSubstr("did not leave this host")));
}

TEST(TraceText, RefusalOfACutRequestDoesNotClaimThatNothingLeft) {
  v1::TraceResponse trace = denied();
  trace.mutable_call()->mutable_decision()->mutable_decision()->mutable_request()->set_complete(
      false);
  EXPECT_THAT(text(trace), HasSubstr("decided before the whole request was seen"));
  EXPECT_THAT(text(trace), HasSubstr("did not leave this host as a whole"));
  EXPECT_THAT(text(trace), Not(HasSubstr("the held request did not leave")));
}

TEST(TraceText, UnknownIsSaid) {
  v1::TraceResponse trace;
  trace.mutable_call()->mutable_decision()->mutable_decision()->mutable_request()->set_protocol(
      "opaque");
  const std::string all = text(trace);
  EXPECT_THAT(all, HasSubstr("unattributed"));
  EXPECT_THAT(all, HasSubstr("no tool of the catalog matches"));
  EXPECT_THAT(all, HasSubstr("no: it was not scanned"));
  EXPECT_THAT(all, HasSubstr("Intact             NO"));
}

TEST(TraceText, ScanThatLookedForOtherThingsIsNoInjectionScan) {
  v1::TraceResponse trace = allowed();
  v1::Scan& arguments =
      *trace.mutable_call()->mutable_decision()->mutable_decision()->mutable_scan();
  arguments.clear_categories();
  arguments.add_categories("pii");
  EXPECT_THAT(text(trace), HasSubstr("The arguments      no: scanned for pii only"));
  arguments.add_categories("injection");
  arguments.set_complete(false);
  EXPECT_THAT(text(trace), HasSubstr("The arguments      yes, 187 B"));
  EXPECT_THAT(text(trace), HasSubstr("not whole: a part was lost or cut"));
}

TEST(TraceText, ForeignTraceIdAndHostileTextAreShown) {
  v1::TraceResponse trace = allowed();
  trace.mutable_call()->mutable_outcome()->set_trace_id("ffff");
  trace.mutable_call()->mutable_decision()->mutable_decision()->mutable_request()->set_path(
      "/\x1b[31m\nIntact yes");
  EXPECT_THAT(text(trace), HasSubstr("the outcome carries another trace id"));
  EXPECT_THAT(text(trace), HasSubstr("/\\x1b[31m\\x0aIntact yes"));
  EXPECT_THAT(text(trace), Not(HasSubstr("\x1b")));
}

TEST(CallLine, OneLineEach) {
  EXPECT_EQ(call_line(allowed().call(), Palette(false)),
            "2026-01-02T03:04:05.678Z  c-7f3a        allow    sarah         sales-assistant     "
            "crm.contact.read          200         allowed");
  EXPECT_EQ(call_line(denied().call(), Palette(false)),
            "2026-01-02T03:04:05.678Z  c-80b1        deny     sarah         sales-assistant     "
            "finance.revenue.read      aborted     scope_missing, 1 finding");
  v1::Call observed = denied().call();
  observed.clear_outcome();
  v1::Decision& d = *observed.mutable_decision()->mutable_decision();
  d.set_mode(v1::MODE_OBSERVE);
  d.clear_tool();
  d.clear_user();
  EXPECT_EQ(call_line(observed, Palette(false)),
            "2026-01-02T03:04:05.678Z  c-80b1        (deny)   unattributed  sales-assistant     "
            "GET finance.acme.test/revenue/2025-q4  -           scope_missing, 1 finding");
  d.mutable_request()->Clear();
  d.mutable_destination()->clear_host();
  EXPECT_THAT(call_line(observed, Palette(false)), HasSubstr("  127.0.0.1 port 8443  "));
  d.mutable_destination()->add_dns_names("api.acme.test");
  EXPECT_THAT(call_line(observed, Palette(false)), HasSubstr("  api.acme.test port 8443  "));
}

}  // namespace
}  // namespace writ::cli
