// What language models have asked one session's agent to do, so that a call which follows can be
// told from one that no model asked for.
//
// In memory: it starts afresh with writd. Bounded: the oldest are forgotten. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "record.pb.h"

namespace writ::daemon {

struct AskedTool {
  std::string call_id;  // of the call to the model
  std::string use_id;   // of the tool use in its answer
  std::string model;
  std::string name;
  std::string arguments;    // digest of their one form (llm/arguments.h); empty: they have none
  std::uint32_t times = 0;  // calls that it has led to
};

// Of one call: whether a model asked for it.
struct Asked {
  v1::Asked by = v1::ASKED_BY_NOBODY;
  std::optional<AskedTool> cause;  // with ASKED_BY_MODEL
};

class AskedTools {
 public:
  static constexpr std::size_t kMaxTools = 512;

  void note_model() { seen_ = true; }
  void note(AskedTool tool);

  // A model has answered something, so that a call can be one that it asked for, or not.
  [[nodiscard]] bool seen() const { return seen_; }
  [[nodiscard]] bool any() const { return !tools_.empty(); }

  // `names`: by which the call's tool is known. `arguments`: makes the digest, empty where it
  // cannot; only called when a model asked for the tool. Of several that match, the one counts that
  // led to the fewest calls, and of those the oldest: so asking twice for the same accounts for two
  // calls.
  Asked find(const std::vector<std::string_view>& names,
             const std::function<std::string()>& arguments);

 private:
  bool seen_ = false;
  std::deque<AskedTool> tools_;
};

void fill_asked(const Asked& asked, v1::Decision& out);

}  // namespace writ::daemon
