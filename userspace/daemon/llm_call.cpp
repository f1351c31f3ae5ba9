#include "daemon/llm_call.h"

#include <utility>

#include "daemon/call.h"
#include "llm/arguments.h"
#include "policy/arguments.h"

namespace writ::daemon {
namespace {

std::unique_ptr<LlmCall> read_llm_call(const std::shared_ptr<AskedTools>& asked, const Call& call,
                                       const audit::DigestStream& digest) {
  const auto api = llm::find_api(call.request.method, call.request.path);
  if (!api) return nullptr;
  LlmCall::Parts parts{.api = *api,
                       .request = llm::request_of_path(*api, call.request.path),
                       .unread = {},
                       .call_id = call.id,
                       .asked = asked,
                       .digest = digest.copy()};
  const auto body = call.arguments.body();
  if (!call.received()) {
    parts.unread = "it was decided before all of its body was there";
  } else if (!body) {
    parts.unread = call.arguments.body_missing();
  } else if (auto request = llm::read_request(*api, call.request.path, *body)) {
    parts.request = *std::move(request);
  } else {
    return nullptr;
  }
  return std::make_unique<LlmCall>(std::move(parts));
}

// A request over HTTP, or one that its caller describes: what else there is, models do not ask for
// in words that could be compared.
bool can_be_asked_for(const Call& call) {
  const std::string_view protocol = call.request.protocol;
  return protocol.starts_with("http/") || protocol == "decide";
}

// All that the call says, wherever it says it. nullopt: not all of it can be read.
std::optional<llm::ToolArguments> arguments_of(const Call& call) {
  llm::ToolArguments all;
  if (call.request.mcp) {
    if (!all.add_json(call.request.mcp->arguments)) return std::nullopt;
    return all;
  }
  const auto add = [&](const auto& captures) {
    for (const auto& [name, value] : captures) {
      if (!all.add(name, value)) return false;
    }
    return true;
  };
  if (!call.received() || (call.tool && !add(call.tool->captures))) return std::nullopt;
  const auto query = policy::Arguments::read(std::nullopt, call.request.query);
  if (!query.query_problem().empty()) return std::nullopt;
  for (const auto& [name, values] : query.parameters()) {
    if (values.size() != 1 || !all.add(name, values.front())) return std::nullopt;
  }
  if (call.arguments.decoded() == 0) return all;
  const auto body = call.arguments.body();
  if (!body || !all.add_json(*body)) return std::nullopt;
  return all;
}

Asked find_asked(AskedTools& asked, const Call& call, audit::DigestStream digest) {
  std::vector<std::string_view> names;
  if (call.tool) names.push_back(call.tool->tool->name);
  if (call.request.mcp) names.push_back(call.request.mcp->name);
  return asked.find(names, [&]() -> std::string {
    const auto arguments = arguments_of(call);
    return arguments ? digest.hex_of(arguments->canonical()) : std::string();
  });
}

}  // namespace

LlmCall::LlmCall(Parts parts) : parts_(std::move(parts)) {
  if (!parts_.request.system.empty())
    system_ = parts_.digest.hex_of(std::exchange(parts_.request.system, {}));
}

LlmCall& LlmCall::open_answer(const protocol::Headers& headers) {
  parts_.asked->note_model();
  const protocol::Header* type = protocol::find_header(headers, "content-type");
  const std::string_view said = type == nullptr ? std::string_view() : type->value;
  answer_.emplace(parts_.api, llm::framing_of(parts_.api, parts_.request.stream, said));
  return *this;
}

void LlmCall::on_decoded(std::string_view bytes) {
  answer_->feed(bytes);
  take_tool_uses();
}

void LlmCall::end_answer() {
  if (!answer_) return;
  answer_->end();
  take_tool_uses();
}

void LlmCall::take_tool_uses() {
  const llm::Answer& answer = answer_->answer();
  for (const std::size_t at : answer_->take_completed()) {
    const llm::ToolUse& use = answer.tool_uses[at];
    llm::ToolArguments arguments;
    std::string digest;
    if (!use.cut && arguments.add_json(use.arguments))
      digest = parts_.digest.hex_of(arguments.canonical());
    if (arguments_.size() <= at) arguments_.resize(at + 1);
    arguments_[at] = digest;
    parts_.asked->note({.call_id = parts_.call_id,
                        .use_id = printable(use.id),
                        .model = printable(answer.model),
                        .name = use.name,
                        .arguments = std::move(digest)});
  }
}

void LlmCall::fill(v1::LlmRequest& out) const {
  out.set_api(std::string(llm::to_text(parts_.api)));
  out.set_model(printable(parts_.request.model));
  out.set_stream(parts_.request.stream);
  out.set_system(system_);
  out.set_unread(parts_.unread);
}

void LlmCall::fill(const llm::Prices* prices, v1::LlmAnswer& out) const {
  if (!answer_) return;
  const llm::Answer& answer = answer_->answer();
  out.set_model(printable(answer.model));
  out.set_stop_reason(printable(answer.stop_reason));
  out.set_error(printable(answer.error));
  const llm::Usage& usage = answer.usage;
  if (usage.input) out.set_input_tokens(*usage.input);
  out.set_cached_tokens(usage.cached);
  out.set_cache_written_tokens(usage.cache_written);
  if (usage.output) out.set_output_tokens(*usage.output);
  out.set_reasoning_tokens(usage.reasoning);
  for (std::size_t at = 0; at < answer.tool_uses.size(); ++at) {
    const llm::ToolUse& use = answer.tool_uses[at];
    v1::LlmToolUse& asked = *out.add_tool_uses();
    asked.set_id(printable(use.id));
    asked.set_name(printable(use.name));
    if (at < arguments_.size()) asked.set_arguments(arguments_[at]);
    asked.set_complete(use.complete);
  }
  out.set_complete(answer.complete);
  out.set_unread(answer.unread);
  if (prices == nullptr) return;
  const llm::Price* price = prices->find(answer.model);
  if (price == nullptr) price = prices->find(parts_.request.model);
  const auto cost = price != nullptr ? llm::cost_micro(*price, usage) : std::nullopt;
  if (!cost) return;
  out.set_cost_micro(*cost);
  out.set_currency(prices->currency());
}

bool may_ask_model(const ToolCall& request) {
  return llm::find_api(request.method, request.path).has_value();
}

void look_for_model(const std::shared_ptr<AskedTools>& asked, Call& call,
                    const audit::DigestStream& digest) {
  if (call.traffic() || call.result.opened()) return;  // its answer is read by what was seen before
  if (call.asked && call.asked->cause) return;         // weighed again: it is the same call
  call.llm = read_llm_call(asked, call, digest);
  if (!call.llm && asked->seen() && can_be_asked_for(call))
    call.asked = find_asked(*asked, call, digest.copy());
}

}  // namespace writ::daemon
