#include "pdp/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "pdp/text.h"

namespace writ::pdp {
namespace {

const char* to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAllow:
      return "allow";
    case Verdict::kFlag:
      return "flag";
    case Verdict::kDeny:
      return "deny";
  }
  return "deny";
}

}  // namespace

struct PdpClient::Request {
  enum class State { kWaiting, kUnderWay, kSettled };

  std::uint64_t id = 0;
  std::uint64_t flow = 0;
  State state = State::kWaiting;
  Time asked;
  Time deadline;
  std::string body;  // while it waits
  std::size_t body_bytes = 0;
  Callback done;
  PdpAnswer answer;  // when settled
};

struct PdpClient::Flow {
  std::deque<std::uint64_t> requests;  // in the order of ask(), until they are delivered
  std::size_t under_way = 0;
  std::size_t waiting = 0;
  bool in_turn = false;  // in turns_
};

Result<std::unique_ptr<PdpClient>> PdpClient::open(PdpConfig config) {
  auto post = HttpPost::open({.url = config.url,
                              .unix_socket = config.unix_socket,
                              .most = config.concurrency,
                              .max_body = kMaxAnswerBytes});
  if (!post) return context(post.error(), "start the client of the decision point");
  return std::unique_ptr<PdpClient>(new PdpClient(std::move(config), std::move(*post)));
}

PdpClient::PdpClient(PdpConfig config, std::unique_ptr<HttpPost> post)
    : config_(std::move(config)),
      most_of_flow_(std::max<std::size_t>(config_.concurrency / 4, 1)),
      post_(std::move(post)) {}

PdpClient::~PdpClient() = default;

void PdpClient::ask(std::uint64_t flow, const PdpInput& input, Callback done) {
  ++asked_;
  auto made = std::make_unique<Request>();
  Request& request = *made;
  request.id = next_id_++;
  request.flow = flow;
  request.asked = std::chrono::steady_clock::now();
  request.deadline = request.asked + config_.timeout;
  request.done = std::move(done);
  requests_[request.id] = std::move(made);
  auto& of_flow = flows_[flow];
  if (!of_flow) of_flow = std::make_unique<Flow>();
  of_flow->requests.push_back(request.id);

  auto document = write_document(config_.dialect, input);
  if (!document) {
    settle_error(request, "pdp_input", document.error().message);
  } else {
    request.body = std::move(*document);
    request.body_bytes = request.body.size();
    queue(request, *of_flow);
  }
  send_waiting();
  arm();
}

void PdpClient::queue(Request& request, Flow& flow) {
  if (flow.waiting >= kMaxWaitingOfFlow || waiting_ >= kMaxWaiting ||
      waiting_bytes_ + request.body_bytes > kMaxWaitingBytes) {
    request.body = {};
    settle_error(request, "pdp_overloaded",
                 fmt::format("{} requests wait for the decision point already", waiting_));
    return;
  }
  open_.insert(request.id);
  ++flow.waiting;
  ++waiting_;
  waiting_bytes_ += request.body_bytes;
  take_turn(request.flow, flow);
}

void PdpClient::take_turn(std::uint64_t id, Flow& flow) {
  if (flow.in_turn || flow.waiting == 0 || flow.under_way >= most_of_flow_) return;
  flow.in_turn = true;
  turns_.push_back(id);
}

void PdpClient::send_waiting() {
  while (!turns_.empty() && post_->under_way() < config_.concurrency) {
    const std::uint64_t id = turns_.front();
    turns_.pop_front();
    Flow& flow = *flows_.at(id);  // forget() takes it out of turns_
    flow.in_turn = false;
    const auto next = std::find_if(flow.requests.begin(), flow.requests.end(), [&](auto one) {
      return requests_.at(one)->state == Request::State::kWaiting;
    });
    if (next == flow.requests.end()) continue;  // it has timed out
    Request& request = *requests_.at(*next);
    leave(request, flow);
    request.state = Request::State::kUnderWay;
    ++flow.under_way;
    post_->start(request.id, std::move(request.body));
    take_turn(id, flow);
  }
}

// Gives up the place that the request has, in the queue or under way.
void PdpClient::leave(Request& request, Flow& flow) {
  switch (request.state) {
    case Request::State::kWaiting:
      --flow.waiting;
      --waiting_;
      waiting_bytes_ -= request.body_bytes;
      break;
    case Request::State::kUnderWay:
      --flow.under_way;
      take_turn(request.flow, flow);
      break;
    case Request::State::kSettled:
      break;
  }
}

void PdpClient::forget(std::uint64_t id) {
  const auto found = flows_.find(id);
  if (found == flows_.end()) return;
  for (const std::uint64_t one : found->second->requests) {
    Request& request = *requests_.at(one);
    leave(request, *found->second);
    post_->cancel(one);
    open_.erase(one);
    requests_.erase(one);
  }
  flows_.erase(found);
  std::erase(turns_, id);
  std::erase(settled_, id);
  send_waiting();
  arm();
}

void PdpClient::on_ready() {
  take_outcomes();
  expire();
  send_waiting();
  deliver();
  arm();
}

void PdpClient::take_outcomes() {
  for (HttpPost::Done& done : post_->take()) {
    const auto found = requests_.find(done.id);
    if (found == requests_.end()) continue;
    Request& request = *found->second;
    leave(request, *flows_.at(request.flow));
    PdpAnswer answer = read(done);
    if (answer.answered) {
      settle(request, std::move(answer));
    } else {
      settle_error(request, answer.code.c_str(), std::move(answer.reason));
    }
  }
}

PdpAnswer PdpClient::read(HttpPost::Done& done) const {
  using How = HttpPost::Done::How;
  switch (done.how) {
    case How::kAnswer:
      if (done.status == 200) return parse_answer(config_.dialect, std::move(done.body));
      return {.code = "pdp_status",
              .reason = fmt::format("the decision point answered with status {}", done.status)};
    case How::kTooLarge:
      return {.code = "pdp_bad_answer",
              .reason = fmt::format("the decision point's answer has more than {} KiB",
                                    kMaxAnswerBytes >> 10)};
    case How::kMalformed:
      return {.code = "pdp_bad_answer",
              .reason = fmt::format("the decision point's answer is not HTTP: {}", done.body)};
    case How::kLost:
      break;
  }
  return {.code = "pdp_unreachable",
          .reason = fmt::format("the decision point cannot be reached: {}", done.body)};
}

void PdpClient::expire() {
  const Time now = std::chrono::steady_clock::now();
  while (!open_.empty()) {
    Request& request = *requests_.at(*open_.begin());
    if (request.deadline > now) return;
    const bool sent = request.state == Request::State::kUnderWay;
    leave(request, *flows_.at(request.flow));
    post_->cancel(request.id);
    settle_error(
        request, "pdp_timeout",
        fmt::format("the decision point did not answer within {} ms{}", config_.timeout.count(),
                    sent ? "" : ", which went by in waiting for a turn"));
  }
}

void PdpClient::settle_error(Request& request, const char* code, std::string reason) {
  reason += fmt::format(" (on_error: {})", to_text(config_.on_error));
  last_error_ = showable(reason, kMaxReason);
  settle(request, {.verdict = config_.on_error, .code = code, .reason = last_error_});
}

void PdpClient::settle(Request& request, PdpAnswer answer) {
  if (answer.answered) last_error_.clear();
  ++codes_[answer.code];
  open_.erase(request.id);
  request.state = Request::State::kSettled;
  request.body = {};
  request.answer = std::move(answer);
  request.answer.took = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - request.asked);
  settled_.push_back(request.flow);
}

void PdpClient::deliver() {
  // What a callback asks, and is refused at once, waits for the next time: else one that asks
  // again and again would keep the loop.
  const std::uint64_t end = next_id_;
  std::deque<std::uint64_t> settled;
  settled.swap(settled_);
  for (const std::uint64_t id : settled) {
    while (true) {
      const auto found = flows_.find(id);
      if (found == flows_.end()) break;
      Flow& flow = *found->second;
      const auto first = requests_.find(flow.requests.front());
      if (first->second->state != Request::State::kSettled || first->first >= end) break;
      const std::unique_ptr<Request> request = std::move(first->second);
      requests_.erase(first);
      flow.requests.pop_front();
      if (flow.requests.empty()) {
        if (flow.in_turn) std::erase(turns_, id);
        flows_.erase(found);
      }
      request->done(std::move(request->answer));
    }
  }
}

void PdpClient::arm() {
  if (!settled_.empty()) return post_->wake_at(std::chrono::steady_clock::now());
  if (open_.empty()) return post_->wake_at(std::nullopt);
  post_->wake_at(requests_.at(*open_.begin())->deadline);
}

PdpClient::State PdpClient::state() const {
  return {.asked = asked_,
          .connections = post_->connections(),
          .codes = codes_,
          .under_way = post_->under_way(),
          .waiting = waiting_,
          .last_error = last_error_};
}

}  // namespace writ::pdp
