// Anthropic: Messages. A stream tells the message in events: message_start, its blocks one by one,
// message_delta with what is known at its end, message_stop.
#include <algorithm>

#include "llm/answer_readers.h"

namespace writ::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

// input_tokens is what neither came from a cache nor went to one. message_delta repeats the counts
// of message_start, or leaves them out.
void read_anthropic_usage(const element& from, AnswerBuilder& to) {
  const auto counts = member<element>(from, "usage");
  if (!counts || !counts->is_object()) return;
  Usage& usage = to.usage();
  const std::uint64_t known = usage.input.value_or(0) -
                              std::min(usage.input.value_or(0), usage.cached + usage.cache_written);
  usage.cached = tokens(*counts, "cache_read_input_tokens", to).value_or(usage.cached);
  usage.cache_written =
      tokens(*counts, "cache_creation_input_tokens", to).value_or(usage.cache_written);
  if (const auto details = member<element>(*counts, "cache_creation")) {
    usage.cache_written_1h = std::min(
        usage.cache_written,
        tokens(*details, "ephemeral_1h_input_tokens", to).value_or(usage.cache_written_1h));
  }
  const auto uncached = tokens(*counts, "input_tokens", to);
  if (uncached || usage.input)
    usage.input = uncached.value_or(known) + usage.cached + usage.cache_written;
  if (const auto output = tokens(*counts, "output_tokens", to)) usage.output = output;
  if (const auto details = member<element>(*counts, "output_tokens_details"))
    usage.reasoning = tokens(*details, "thinking_tokens", to).value_or(usage.reasoning);
}

void read_anthropic_message(const element& message, AnswerBuilder& to) {
  to.set_model(text_member(message, "model"));
  to.set_stop_reason(text_member(message, "stop_reason"));
  read_anthropic_usage(message, to);
}

void read_anthropic_whole(const element& message, AnswerBuilder& to) {
  read_anthropic_message(message, to);
  to.complete();
  const auto content = member<array>(message, "content");
  if (!content) return;
  for (const element block : *content) {
    if (text_member(block, "type") != "tool_use") continue;
    const auto input = member<element>(block, "input");
    to.add(text_member(block, "id"), text_member(block, "name"),
           input ? simdjson::minify(*input) : std::string());
  }
}

void read_anthropic_delta(const element& event, AnswerBuilder& to) {
  const auto delta = member<element>(event, "delta");
  if (!delta || text_member(*delta, "type") != "input_json_delta") return;
  to.append_arguments(member<std::uint64_t>(event, "index").value_or(0),
                      text_member(*delta, "partial_json"));
}

}  // namespace

void read_anthropic(const element& document, AnswerBuilder& to) {
  const std::string_view type = text_member(document, "type");
  const std::uint64_t index = member<std::uint64_t>(document, "index").value_or(0);
  if (type == "message") {
    read_anthropic_whole(document, to);
  } else if (type == "message_start") {
    if (const auto message = member<element>(document, "message"))
      read_anthropic_message(*message, to);
  } else if (type == "content_block_start") {
    const auto block = member<element>(document, "content_block");
    if (block && text_member(*block, "type") == "tool_use")
      to.open(index, text_member(*block, "id"), text_member(*block, "name"));
  } else if (type == "content_block_delta") {
    read_anthropic_delta(document, to);
  } else if (type == "content_block_stop") {
    to.close(index);
  } else if (type == "message_delta") {
    if (const auto delta = member<element>(document, "delta"))
      to.set_stop_reason(text_member(*delta, "stop_reason"));
    read_anthropic_usage(document, to);
  } else if (type == "message_stop") {
    to.complete();
  } else {
    read_error(document, to);
  }
}

}  // namespace writ::llm
