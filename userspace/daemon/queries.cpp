#include "daemon/queries.h"

#include <chrono>

#include "audit/verifier.h"

namespace writ::daemon {
namespace {

constexpr std::chrono::milliseconds kFollowEvery{50};

std::function<bool(const v1::Decision&)> visible_to(const Sight& sight) {
  if (sight.all()) return {};
  return [sight](const v1::Decision& decision) {
    return sight.covers(decision.tenant(), decision.user().id());
  };
}

}  // namespace

Queries::~Queries() {
  for (auto& [id, job] : jobs_) job->cancelled = true;
  for (auto& [id, job] : jobs_) job->thread.join();
}

void Queries::reap() {
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    if (it->second->finished) {
      it->second->thread.join();
      it = jobs_.erase(it);
    } else {
      ++it;
    }
  }
}

void Queries::start(ConnectionId id, Work work) {
  reap();
  if (jobs_.size() >= kMaxThreads) {
    fail(id, {ErrorCode::kUnavailable, "too many queries are running, try again in a moment"});
    return;
  }
  Job& job = *jobs_.emplace(id, std::make_unique<Job>())->second;
  job.thread = std::thread([&job, work = std::move(work)] {
    work(job);
    job.finished = true;
  });
}

void Queries::cancel(ConnectionId id) {
  const auto [begin, end] = jobs_.equal_range(id);
  for (auto it = begin; it != end; ++it) it->second->cancelled = true;
  reap();
}

// A reader that has gone takes no answer, which is all that these can fail for.
void Queries::done(ConnectionId id) {
  v1::ControlResponse response;
  response.set_done(true);
  (void)server_.post_wait(id, response);
}
void Queries::fail(ConnectionId id, const Error& error) {
  (void)server_.post(id, error_response(error));
}

void Queries::list(Job& job, ConnectionId id, const audit::CallFilter& filter,
                   std::uint32_t limit) {
  const auto send = [&](v1::Call&& call) {
    if (job.cancelled) return;
    v1::ControlResponse response;
    *response.mutable_call() = std::move(call);
    if (server_.post_wait(id, response) != Posted::kQueued) job.cancelled = true;
  };
  if (limit > 0) {
    auto newest = audit::newest_calls(dir_, key_, filter, std::min(limit, audit::kMaxNewest));
    if (!newest) return fail(id, newest.error());
    for (v1::Call& call : newest->calls) send(std::move(call));
  } else if (auto all = audit::each_call(dir_, key_, filter, send); !all) {
    return fail(id, all.error());
  }
  done(id);
}

void Queries::follow(Job& job, ConnectionId id, const audit::CallFilter& filter) {
  auto cursor = audit::Cursor::open(dir_, key_);
  if (!cursor) return fail(id, cursor.error());
  // A decision is shown when it is made; its outcome is for `writ trace`.
  while (!job.cancelled) {
    auto entry = cursor->next();
    if (!entry || !*entry) {
      if (!entry && entry.error().code != ErrorCode::kCorrupt) return fail(id, entry.error());
      if (entry) std::this_thread::sleep_for(kFollowEvery);
      continue;
    }
    const v1::Record& record = (*entry)->record;
    if (!record.has_decision() || !audit::matches(filter, record)) continue;
    v1::ControlResponse response;
    *response.mutable_call()->mutable_decision() = record;
    if (server_.post_wait(id, response) != Posted::kQueued) return;
  }
}

void Queries::calls(ConnectionId id, const v1::CallsRequest& request, const Sight& sight) {
  const audit::CallFilter filter{.session = request.session(),
                                 .verdict = request.verdict(),
                                 .since_unix_ns = request.since_unix_ns(),
                                 .visible = visible_to(sight)};
  const std::uint32_t limit = request.limit();
  if (request.follow()) {
    start(id, [=, this](Job& job) { follow(job, id, filter); });
  } else {
    start(id, [=, this](Job& job) { list(job, id, filter, limit); });
  }
}

void Queries::trace(ConnectionId id, const v1::TraceRequest& request, const Sight& sight) {
  start(id, [this, id, sight, prefix = request.call()](Job&) {
    auto found = audit::find_call(dir_, key_, prefix, visible_to(sight));
    if (!found) return fail(id, found.error());
    v1::ControlResponse response;
    response.set_done(true);
    v1::TraceResponse& trace = *response.mutable_trace();
    *trace.mutable_call() = std::move(found->call);
    trace.set_intact(found->intact);
    trace.set_integrity(found->integrity);
    trace.set_segment(found->decision.segment);
    (void)server_.post_wait(id, response);
  });
}

void Queries::verify(ConnectionId id) {
  start(id, [=, this](Job&) {
    const auto report = audit::verify(dir_, key_);
    if (!report) return fail(id, report.error());
    v1::ControlResponse response;
    response.set_done(true);
    v1::AuditVerifyResponse& answer = *response.mutable_audit_verify();
    answer.set_intact(report->intact);
    answer.set_records(report->records);
    answer.set_segments(report->segments);
    if (!report->problems.empty()) {
      const audit::Problem& first = report->problems.front();
      answer.set_problem(first.message);
      answer.set_broken_sequence(first.sequence);
      answer.set_file(first.file);
      answer.set_offset(first.offset);
    }
    (void)server_.post_wait(id, response);
  });
}

}  // namespace writ::daemon
