#include "identity/claim_path.h"

namespace writ::identity {

Result<ClaimPath> ClaimPath::parse(std::string_view text) {
  ClaimPath path;
  path.text_ = std::string(text);
  std::string_view rest = text;
  for (;;) {
    std::string_view name;
    if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) {
      const std::size_t close = rest.find(rest.front(), 1);
      if (close == std::string_view::npos) {
        return fail(ErrorCode::kInvalid, "the quote in the claim path is never closed");
      }
      name = rest.substr(1, close - 1);
      rest.remove_prefix(close + 1);
      if (!rest.empty() && rest.front() != '.') {
        return fail(ErrorCode::kInvalid,
                    "behind a quoted name of a claim path stands '.' or nothing");
      }
    } else {
      name = rest.substr(0, rest.find('.'));
      if (name.find_first_of("'\"") != std::string_view::npos) {
        return fail(ErrorCode::kInvalid, "a name in a claim path is quoted as a whole, or not");
      }
      rest.remove_prefix(name.size());
    }
    if (name.empty()) return fail(ErrorCode::kInvalid, "a name in the claim path is empty");
    path.names_.emplace_back(name);
    if (path.names_.size() > kMaxNames) {
      return fail(ErrorCode::kInvalid, "the claim path has more than {} names", kMaxNames);
    }
    if (rest.empty()) return path;
    rest.remove_prefix(1);
  }
}

}  // namespace writ::identity
