#include "audit/mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdlib>

namespace writ::audit {

void Mac::Free::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

Result<Mac> Mac::create(Bytes key) {
  EVP_MAC* hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  Mac mac(hmac == nullptr ? nullptr : EVP_MAC_CTX_new(hmac));
  EVP_MAC_free(hmac);
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (!mac.context_ || EVP_MAC_init(mac.context_.get(), key.data(), key.size(), parameters) != 1) {
    return fail(ErrorCode::kUnavailable,
                "OpenSSL offers no HMAC-SHA256 (is its default provider loaded?)");
  }
  return mac;
}

Mac Mac::copy() const {
  Mac mac(EVP_MAC_CTX_dup(context_.get()));
  if (!mac.context_) std::abort();
  return mac;
}

void Mac::update(Bytes bytes) {
  if (bytes.empty()) return;
  if (EVP_MAC_update(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

MacValue Mac::finish() {
  MacValue value{};
  std::size_t length = 0;
  // Without a key, EVP_MAC_init() begins again with the one it has.
  if (EVP_MAC_final(context_.get(), value.data(), &length, value.size()) != 1 ||
      length != value.size() || EVP_MAC_init(context_.get(), nullptr, 0, nullptr) != 1) {
    std::abort();
  }
  return value;
}

bool equal(const MacValue& a, Bytes b) {
  return b.size() == a.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(bytes.size() * 2, '0');
  char* to = text.data();
  for (const std::uint8_t byte : bytes) {
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 15];
  }
  return text;
}

}  // namespace writ::audit
