#include "policy/evaluation.h"

#include "policy/host_pattern.h"

namespace writ::policy {
namespace {

std::optional<std::string_view> host_of(const Input& input) {
  std::string_view host = input.call.host;
  if (input.what != Input::What::kCall) return std::nullopt;
  if (host.ends_with('.')) host.remove_suffix(1);  // "crm.test." is the same name
  if (host.empty() || host.size() > kMaxHost) return std::nullopt;
  return host;
}

}  // namespace

Evaluation::Evaluation(const Input& asked, const Tool* named)
    : input(asked),
      tool(named),
      is_call(asked.what == Input::What::kCall),
      is_local(is_call &&
               (asked.call.protocol == kCommandProtocol || asked.call.protocol == kStdioProtocol)),
      host(host_of(asked)),
      destination(parse_address(asked.call.destination.address)) {}

}  // namespace writ::policy
