// Three-valued truth: what a policy asks may have no answer (a body that is no JSON, an argument
// that is not there), and no answer must never let a call through.
#pragma once

#include <algorithm>
#include <cstdint>

namespace writ::policy {

// In this order, so that AND is the smaller and OR the larger of two (Kleene's strong logic).
enum class Truth : std::uint8_t { kNo, kUnknown, kYes };

constexpr Truth truth_of(bool holds) { return holds ? Truth::kYes : Truth::kNo; }
constexpr Truth both(Truth a, Truth b) { return std::min(a, b); }
constexpr Truth either(Truth a, Truth b) { return std::max(a, b); }
constexpr Truth opposite(Truth a) { return a == Truth::kUnknown ? a : truth_of(a == Truth::kNo); }

}  // namespace writ::policy
