#include "daemon/asked_tools.h"

#include <algorithm>
#include <utility>

#include "llm/arguments.h"

namespace writ::daemon {

void AskedTools::note(AskedTool tool) {
  if (tools_.size() == kMaxTools) tools_.pop_front();
  tools_.push_back(std::move(tool));
}

Asked AskedTools::find(const std::vector<std::string_view>& names,
                       const std::function<std::string()>& arguments) {
  std::vector<AskedTool*> same;
  for (AskedTool& tool : tools_) {
    const bool known = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return llm::same_tool(tool.name, name);
    });
    if (known) same.push_back(&tool);
  }
  if (same.empty()) return {};
  const std::string digest = arguments();
  if (digest.empty()) return {.by = v1::ASKED_UNKNOWN, .cause = std::nullopt};
  AskedTool* cause = nullptr;
  bool comparable = true;
  for (AskedTool* tool : same) {
    comparable = comparable && !tool->arguments.empty();
    if (tool->arguments == digest && (cause == nullptr || tool->times < cause->times)) cause = tool;
  }
  if (cause == nullptr) {
    return {.by = comparable ? v1::ASKED_OTHER_ARGUMENTS : v1::ASKED_UNKNOWN,
            .cause = std::nullopt};
  }
  ++cause->times;
  return {.by = v1::ASKED_BY_MODEL, .cause = *cause};
}

void fill_asked(const Asked& asked, v1::Decision& out) {
  out.set_asked(asked.by);
  if (!asked.cause) return;
  v1::CausedBy& cause = *out.mutable_caused_by();
  cause.set_call_id(asked.cause->call_id);
  cause.set_tool_use_id(asked.cause->use_id);
  cause.set_model(asked.cause->model);
  cause.set_times(asked.cause->times);
}

}  // namespace writ::daemon
