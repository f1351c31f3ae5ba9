#include "llm/json_document.h"

#include <algorithm>

#include "util/json_fault.h"

namespace writ::llm {

std::optional<simdjson::dom::element> JsonDocument::read(std::string_view text) {
  if (text.size() > kMaxBytes) return std::nullopt;
  simdjson::dom::element root;
  auto error = parser_.allocate(std::max<std::size_t>(text.size(), 64), kMaxDepth + 1);
  if (error == simdjson::SUCCESS) error = parser_.parse(text.data(), text.size()).get(root);
  if (error != simdjson::SUCCESS || json_fault(root, text, kMaxDepth) != nullptr)
    return std::nullopt;
  return root;
}

}  // namespace writ::llm
