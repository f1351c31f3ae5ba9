#include "cli/llm_view.h"

#include <fmt/format.h>

namespace writ::cli {
namespace {

std::string named(const std::string& text) { return text.empty() ? "unknown" : printable(text); }

std::string tokens_text(const v1::LlmAnswer& answer) {
  std::string in = answer.has_input_tokens() ? std::to_string(answer.input_tokens()) : "unknown";
  if (answer.cached_tokens() != 0) {
    in += fmt::format(", {} of them from a cache", answer.cached_tokens());
  }
  if (answer.cache_written_tokens() != 0)
    in += fmt::format(", {} to a cache", answer.cache_written_tokens());
  std::string out = answer.has_output_tokens() ? std::to_string(answer.output_tokens()) : "unknown";
  if (answer.reasoning_tokens() != 0) {
    out += fmt::format(", {} of them reasoning", answer.reasoning_tokens());
  }
  return fmt::format("in {}; out {}", in, out);
}

std::string tool_use_text(const v1::LlmToolUse& use) {
  std::string text = fmt::format("{} ({})", named(use.name()), named(use.id()));
  if (!use.complete()) return text + ", which broke off";
  return text + (use.arguments().empty() ? ", arguments that cannot be compared"
                                         : ", arguments digest " + printable(use.arguments()));
}

// protobuf's enums are open: what is none of ours, a newer writd may send.
std::string asked_text(const v1::Decision& decision, const Palette& palette) {
  const v1::Asked asked = decision.asked();
  if (asked == v1::ASKED_BY_MODEL) {
    const v1::CausedBy& cause = decision.caused_by();
    std::string text = fmt::format("{} in call {}, tool use {}", named(cause.model()),
                                   named(cause.call_id()), named(cause.tool_use_id()));
    if (cause.times() > 1) {
      text += palette.paint(Colour::kYellow,
                            fmt::format(", which led to {} calls by now", cause.times()));
    }
    return text;
  }
  if (asked == v1::ASKED_OTHER_ARGUMENTS) {
    return palette.paint(Colour::kYellow,
                         "nobody: a model asked for this tool with other arguments");
  }
  if (asked == v1::ASKED_BY_NOBODY) {
    return palette.paint(Colour::kYellow, "nobody: no model asked for this tool");
  }
  return "unknown: a model asked for this tool, and arguments cannot be compared";
}

}  // namespace

std::string cost_text(std::uint64_t micro, const std::string& currency) {
  return fmt::format("{}.{:06} {}", micro / 1'000'000, micro % 1'000'000, printable(currency));
}

LlmRows llm_request_rows(const v1::Decision& decision, const Palette& palette) {
  LlmRows rows;
  if (decision.has_llm()) {
    const v1::LlmRequest& asked = decision.llm();
    rows.emplace_back("Model",
                      fmt::format("{}, by {}{}", named(asked.model()), printable(asked.api()),
                                  asked.stream() ? ", as a stream" : ""));
    if (!asked.system().empty()) {
      rows.emplace_back("System prompt", "digest " + printable(asked.system()));
    }
    if (!asked.unread().empty())
      rows.emplace_back("", "the request was not read: " + printable(asked.unread()));
  }
  if (decision.asked() != v1::ASKED_UNSPECIFIED) {
    rows.emplace_back("Asked for by", asked_text(decision, palette));
  }
  return rows;
}

LlmRows llm_answer_rows(const v1::Outcome& outcome) {
  LlmRows rows;
  if (!outcome.has_llm()) return rows;
  const v1::LlmAnswer& answer = outcome.llm();
  std::string model = named(answer.model());
  if (!answer.stop_reason().empty()) model += ", stopped: " + printable(answer.stop_reason());
  if (!answer.error().empty()) model += ", error: " + printable(answer.error());
  if (!answer.complete()) model += ", not to its end";
  rows.emplace_back("Answered by", model);
  rows.emplace_back("Tokens", tokens_text(answer));
  rows.emplace_back("Cost", answer.has_cost_micro()
                                ? cost_text(answer.cost_micro(), answer.currency())
                                : "unknown: prices.yaml has no price for it");
  for (const v1::LlmToolUse& use : answer.tool_uses())
    rows.emplace_back("Asks for", tool_use_text(use));
  if (!answer.unread().empty()) {
    rows.emplace_back("", "not all was read: " + printable(answer.unread()));
  }
  return rows;
}

std::string llm_line(const v1::Call& call) {
  const v1::Decision& d = call.decision().decision();
  std::string text;
  if (d.has_llm()) {
    const v1::LlmAnswer& answer = call.outcome().outcome().llm();
    text += ", " + named(answer.model().empty() ? d.llm().model() : answer.model());
    if (answer.has_input_tokens() || answer.has_output_tokens()) {
      text += fmt::format(": {}+{} tokens", answer.input_tokens(), answer.output_tokens());
    }
    if (answer.has_cost_micro()) text += ", " + cost_text(answer.cost_micro(), answer.currency());
  }
  if (d.asked() == v1::ASKED_BY_MODEL) {
    text += ", asked for by " + printable(d.caused_by().call_id()).substr(0, 12);
  } else if (d.asked() == v1::ASKED_BY_NOBODY || d.asked() == v1::ASKED_OTHER_ARGUMENTS) {
    text += ", not asked for by a model";
  }
  return text;
}

}  // namespace writ::cli
