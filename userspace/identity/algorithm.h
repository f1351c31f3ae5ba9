// The signature algorithms that a person's token may carry (RFC 7518 section 3.1, RFC 8037).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace writ::identity {

// There is no "none" and no HMAC here, so neither can be asked for.
enum class Algorithm : std::uint8_t { kRs256, kPs256, kEs256, kEdDsa };
enum class KeyType : std::uint8_t { kRsa, kEcP256, kEd25519 };

using Algorithms = std::vector<Algorithm>;
inline constexpr std::array kAllAlgorithms = {Algorithm::kRs256, Algorithm::kPs256,
                                              Algorithm::kEs256, Algorithm::kEdDsa};

constexpr std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRs256:
      return "RS256";
    case Algorithm::kPs256:
      return "PS256";
    case Algorithm::kEs256:
      return "ES256";
    case Algorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

constexpr std::string_view name_of(KeyType type) {
  switch (type) {
    case KeyType::kRsa:
      return "RSA";
    case KeyType::kEcP256:
      return "EC P-256";
    case KeyType::kEd25519:
      return "Ed25519";
  }
  return "";
}

constexpr KeyType key_type_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRs256:
    case Algorithm::kPs256:
      return KeyType::kRsa;
    case Algorithm::kEs256:
      return KeyType::kEcP256;
    case Algorithm::kEdDsa:
      return KeyType::kEd25519;
  }
  return KeyType::kRsa;
}

// By its JOSE name; case counts. "Ed25519" is RFC 9864's name for what EdDSA is here.
constexpr std::optional<Algorithm> algorithm_named(std::string_view name) {
  if (name == "Ed25519") return Algorithm::kEdDsa;
  for (const Algorithm algorithm : kAllAlgorithms) {
    if (name_of(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

}  // namespace writ::identity
