// One decision while it is made: what was asked, read as far as all rules need it, and how much
// work arguments may still cause.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "policy/address.h"
#include "policy/decision.h"

namespace writ::policy {

struct Evaluation {
  // A hostile body can hold a million elements, and each rule can ask for all of them. What goes
  // beyond this is undefined.
  static constexpr std::size_t kMaxWork = 500'000;

  // `tool` is input.tool's when it is of the policy that decides. `input` must outlive this.
  Evaluation(const Input& input, const Tool* tool);

  // Whether `amount` more may be done; false once: false from then on.
  bool spend(std::size_t amount) {
    work_left = amount > work_left ? 0 : work_left - amount;
    return work_left > 0;
  }

  const Input& input;
  const Tool* tool;
  bool is_call;                          // there is a request with method, path and arguments
  bool is_local;                         // a command, or over stdio: to no host, no destination
  std::optional<std::string_view> host;  // without a final dot; none: unknown, or no DNS name
  std::optional<Address> destination;
  std::size_t work_left = kMaxWork;
};

}  // namespace writ::policy
