// A gatekeeper with everything real around it but the kernel: policy, rules, limits, flow table and
// the audit record on a disk.
//
//   start();
//   Wire wire = connect();
//   wire.send(get("/contacts/7"));
//   EXPECT_EQ(wire.server_got(), ...); kernel_.take(), decisions(), outcomes(), gaps()
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/reader.h"
#include "daemon/fake_kernel.h"
#include "daemon/gatekeeper.h"
#include "daemon/temp_dir.h"
#include "flow/flow_table.h"
#include "identity/writ_book.h"

namespace writ::daemon {

inline constexpr std::uint64_t kCgroup = 77;
inline constexpr const char* kSession = "session-1";

// Visa's own test number: passes Luhn.
inline constexpr const char* kCard = "4111 1111 1111 1111";

inline constexpr const char* kTools = R"(version: 1
on_opaque: deny
tools:
  - name: crm.contact.read
    host: crm.test
    method: [GET, HEAD]
    path: /contacts/{id}
    scopes: [crm.contacts.read]
    effect: read
  - name: crm.contact.delete
    host: crm.test
    method: DELETE
    path: /contacts/{id}
    scopes: [crm.contacts.delete]
    effect: write
  - name: crm.note.add
    host: crm.test
    method: POST
    path: /notes
    scopes: [crm.notes.write]
    effect: write
  - name: crm.events
    host: crm.test
    method: GET
    path: /events
    scopes: [crm.contacts.read]
    effect: read
  - name: crm.tunnel
    host: crm.test
    method: CONNECT
    path: /
    scopes: [crm.contacts.read]
    effect: write
rules:
  - id: sales-works
    effect: allow
    tools: [crm.*]
    roles: [sales]
  - id: no-cards
    effect: deny
    tools: [crm.note.add]
    findings: [pii.card]
    reason: "{user} may not send card numbers"
)";

inline constexpr const char* kRules = R"(rules:
  - id: pii.card
    category: pii
    description: A payment card
    pattern: '(?:^|[^0-9])[2-6][0-9]{3}[ +\-]?[0-9]{4}[ +\-]?[0-9]{2}[ +\-]?[0-9]{2}'
    validate: luhn
  - id: injection.test
    category: injection
    description: What a result must not say
    phrase: 'open sesame'
)";

inline std::string get(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: crm.test\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& body, const std::string& fields = "") {
  return "POST /notes HTTP/1.1\r\nHost: crm.test\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}
inline std::string answer(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields +
         "\r\n" + body;
}
// Text without a finding in it.
inline std::string filler(std::size_t bytes) {
  std::string text;
  text.reserve(bytes + 16);
  while (text.size() < bytes) text += "nothing to see. ";
  text.resize(bytes);
  return text;
}

// One connection of an agent, told as the kernel side tells it (writ/abi.h).
class Wire {
 public:
  Wire(flow::FlowTable& table, FakeKernel& kernel, std::uint64_t cookie, bool tls,
       std::uint64_t cgroup = kCgroup)
      : table_(&table), kernel_(&kernel), cookie_(cookie), tls_(tls), cgroup_(cgroup) {
    stream_ = tls ? cookie + 1000 : WRIT_STREAM_CLEAR | cookie;
    flow(WRIT_EVENT_CONNECT);
    if (tls) flow(WRIT_EVENT_FLOW);  // its first payload is the handshake's
  }

  // What the agent sends, in events of at most `piece` bytes. Cleartext is bound when it comes to
  // the gate, TLS when its first record is recognised there: both after the plaintext was seen.
  void send(std::string_view bytes, std::size_t piece = WRIT_CHUNK_MAX) {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, piece);
      data(WRIT_EVENT_DATA_OUT, sent_.size(), part);
      sent_ += part;
      bytes.remove_prefix(part.size());
      bind();
    }
  }
  // As send(), but the connection that carries it is not known yet.
  void send_unbound(std::string_view bytes) {
    data(WRIT_EVENT_DATA_OUT, sent_.size(), bytes);
    sent_ += bytes;
  }
  void bind() {
    if (bound_) return;
    bound_ = true;
    flow(tls_ ? WRIT_EVENT_BIND : WRIT_EVENT_FLOW);
  }
  void receive(std::string_view bytes) {
    data(WRIT_EVENT_DATA_IN, received_, bytes);
    received_ += bytes.size();
  }
  void lose_out() { table_->on_loss(stream_, sent_.size()); }
  void lose_in() { table_->on_loss(stream_, received_); }
  void opaque(std::uint32_t reason = WRIT_OPAQUE_NO_PLAINTEXT) { flow(WRIT_EVENT_OPAQUE, reason); }
  void fin() { flow(WRIT_EVENT_FIN); }
  void close() { flow(WRIT_EVENT_CLOSED); }

  // The bytes that the gate let pass.
  [[nodiscard]] std::string server_got() const {
    return kernel_->passes(cookie_) ? sent_ : sent_.substr(0, kernel_->released(stream_));
  }
  [[nodiscard]] const std::string& sent() const { return sent_; }
  [[nodiscard]] std::uint64_t stream() const { return stream_; }
  [[nodiscard]] flow::Channel* channel() const { return table_->channel(stream_); }

 private:
  void data(std::uint32_t type, std::uint64_t offset, std::string_view bytes) {
    writ_event_data event = {};
    event.head = head(type);
    event.head.size = static_cast<std::uint32_t>(bytes.size());
    event.stream = stream_;
    event.offset = offset;
    event.cookie = tls_ ? 0 : cookie_;
    event.fd = tls_ ? -1 : 4;
    table_->on_data(event, bytes);
  }
  void flow(std::uint32_t type, std::uint32_t reason = 0) {
    writ_event_flow event = {};
    event.head = head(type);
    event.cookie = cookie_;
    event.stream = type == WRIT_EVENT_BIND ? stream_ : 0;
    event.reason = reason;
    event.tls = tls_ ? 1 : 0;
    event.fd = 4;
    event.family = AF_INET;
    event.local_port = type == WRIT_EVENT_CONNECT ? 0 : 40000;
    event.peer_port = tls_ ? 443 : 80;
    event.peer[0] = 10;
    event.peer[3] = 2;
    table_->on_flow(event);
  }
  [[nodiscard]] writ_event head(std::uint32_t type) const {
    return {.type = type,
            .size = 0,
            .session = cgroup_,
            .time_ns = monotonic_ns(),
            .pid = static_cast<std::uint32_t>(::getpid()),
            .tid = 1};
  }

  flow::FlowTable* table_;
  FakeKernel* kernel_;
  std::uint64_t cookie_;
  bool tls_;
  std::uint64_t cgroup_;
  std::uint64_t stream_ = 0;
  bool bound_ = false;
  std::string sent_;
  std::uint64_t received_ = 0;
};

// Fails writes when told to, and does not wait for the disk: nobody cuts the power here.
class FaultyDisk : public audit::Disk {
 public:
  ssize_t write_at(int fd, const void* bytes, std::size_t count, std::uint64_t offset) override {
    if (!full) return audit::real_disk().write_at(fd, bytes, count, offset);
    errno = ENOSPC;
    return -1;
  }
  int truncate(int fd, std::uint64_t size) override {
    return audit::real_disk().truncate(fd, size);
  }
  int sync(int /*fd*/) override { return 0; }
  std::atomic<bool> full = false;
};

struct StartOptions {
  std::string policy = kTools;
  identity::Mode mode = identity::Mode::kEnforce;
  std::uint64_t hold_max = 64u << 10;
  budget::WritLimits limits;
  std::chrono::hours session_age{0};
  audit::Durability durability = audit::Durability::kGroup;
};

class GatekeeperTest : public testing::Test {
 protected:
  using Lines = std::vector<std::string>;

  void start(const StartOptions& options = {}) {
    Diagnostics problems;
    policy_ =
        policy::Policy::load_from_text({{.file = "policy", .text = options.policy}}, problems);
    for (const Diagnostic& d : problems) {
      if (d.severity == Severity::kError) ADD_FAILURE() << to_string(d);
    }
    ASSERT_NE(policy_, nullptr);
    auto writer = audit::Writer::open(dir_.path() + "/audit",
                                      {.durability = options.durability, .disk = &disk_});
    ASSERT_TRUE(writer) << writer.error().message;
    audit_ = std::move(*writer);
    settings_.hold_max = options.hold_max;
    add_session(options);
    gatekeeper_ = std::make_unique<Gatekeeper>(
        Gatekeeper::Parts{.settings = settings_,
                          .pdp = pdp_.get(),
                          .prices = prices_ ? &*prices_ : nullptr,
                          .sessions = sessions_,
                          .rules = rules(),
                          .limits = limits_,
                          .book = book_,
                          .audit = *audit_,
                          .host = kernel_,
                          .processes = kernel_,
                          .report = [this](const std::string& text) { reports_.push_back(text); }});
    flows_ = std::make_unique<flow::FlowTable>(*gatekeeper_);
    gatekeeper_->serve(*flows_);
  }

  Wire connect(bool tls = false, std::uint64_t cgroup = kCgroup) {
    return {*flows_, kernel_, next_cookie_++, tls, cgroup};
  }
  Wire connect_tls() { return connect(true); }

  [[nodiscard]] std::vector<v1::Record> records() const {
    std::vector<v1::Record> all;
    auto cursor = audit::Cursor::open(audit_->dir(), audit_->key());
    EXPECT_TRUE(cursor);
    while (cursor) {
      auto entry = cursor->next();
      EXPECT_TRUE(entry) << entry.error().message;
      if (!entry || !*entry) break;
      all.push_back(std::move((*entry)->record));
    }
    return all;
  }
  [[nodiscard]] std::vector<v1::Decision> decisions() const {
    std::vector<v1::Decision> all;
    for (const v1::Record& record : records()) {
      if (record.has_decision()) all.push_back(record.decision());
    }
    return all;
  }
  [[nodiscard]] std::vector<v1::Outcome> outcomes() const {
    std::vector<v1::Outcome> all;
    for (const v1::Record& record : records()) {
      if (record.has_outcome()) all.push_back(record.outcome());
    }
    return all;
  }
  // "kind", in order.
  [[nodiscard]] Lines gaps() const {
    Lines all;
    for (const v1::Record& record : records()) {
      if (record.has_gap()) all.push_back(record.gap().kind());
    }
    return all;
  }
  // The "code" of each decision and the "result" of each outcome, in the order of the record.
  [[nodiscard]] Lines story() const {
    Lines all;
    for (const v1::Record& record : records()) tell(record, all);
    return all;
  }
  // The same, of what was recorded since the last call.
  [[nodiscard]] Lines new_story() {
    Lines all;
    if (!reader_) reader_ = *audit::Cursor::open(audit_->dir(), audit_->key());
    for (auto entry = reader_->next(); entry && *entry; entry = reader_->next()) {
      tell((*entry)->record, all);
    }
    return all;
  }
  [[nodiscard]] Session& session() { return *sessions_.at(kCgroup); }
  [[nodiscard]] std::uint64_t committed() {
    const auto usage = limits_.usage(session().writ.id, std::chrono::steady_clock::now());
    EXPECT_TRUE(usage);
    EXPECT_EQ(usage ? usage->reserved : 0, 0u) << "a reservation was left";
    return usage ? usage->committed : 0;
  }

  // Compiled once a process.
  static std::shared_ptr<const scan::Ruleset> rules() {
    static const std::shared_ptr<const scan::Ruleset> compiled = [] {
      const TempDir dir;
      const std::string file = dir.path() + "/rules.yaml";
      std::ofstream(file) << kRules;
      Diagnostics problems;
      auto loaded = scan::Ruleset::load({file}, problems);
      for (const Diagnostic& d : problems) ADD_FAILURE() << to_string(d);
      return loaded.value_or(nullptr);
    }();
    return compiled;
  }

  TempDir dir_;
  FaultyDisk disk_;
  FakeKernel kernel_;
  Settings settings_;
  Sessions sessions_;
  budget::LimitBook limits_;
  identity::WritBook book_;
  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<audit::Writer> audit_;
  std::vector<std::string> reports_;
  std::unique_ptr<pdp::PdpClient> pdp_;  // before start(): where one is to be asked
  std::optional<llm::Prices> prices_;    // the same
  std::unique_ptr<Gatekeeper> gatekeeper_;
  std::unique_ptr<flow::FlowTable> flows_;

 private:
  static void tell(const v1::Record& record, Lines& all) {
    if (record.has_decision()) all.push_back(record.decision().code());
    if (record.has_outcome()) all.push_back(record.outcome().result());
  }
  void add_session(const StartOptions& options) {
    const auto now = std::chrono::system_clock::now();
    identity::User user;
    user.id = "sarah";
    user.email = "sarah@example.test";
    user.roles = {"sales"};
    user.scopes = {"crm.*"};
    identity::Agent agent;
    agent.id = "sales-assistant";
    agent.scopes = {"crm.contacts.read", "crm.notes.write"};
    identity::Asked asked;
    asked.via = "test";
    asked.strength = identity::IdentityStrength::kUnixPeer;
    auto writ = identity::issue(user, agent, asked, now);
    ASSERT_TRUE(writ) << writ.error().message;
    auto session = std::make_unique<Session>();
    session->id = kSession;
    session->mode = options.mode;
    session->writ = *writ;
    session->consults = pdp_ != nullptr;
    session->use(policy_);
    ASSERT_TRUE(limits_.open_writ(writ->id, "", "default/sarah", options.limits,
                                  std::chrono::steady_clock::now() - options.session_age));
    auto handle = book_.add(std::move(*writ), now);
    ASSERT_TRUE(handle) << handle.error().message;
    session->handle = *handle;
    sessions_[kCgroup] = std::move(session);
  }

  std::optional<audit::Cursor> reader_;
  std::uint64_t next_cookie_ = 9;
};

}  // namespace writ::daemon
