#include "bare_check.h"

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include <memory>

#include "identity/base64url.h"

namespace writ::bench {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};

// JOSE has r and s side by side (RFC 7518 section 3.4), OpenSSL wants them in DER.
std::string der_of(const std::string& jose) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(jose.data());
  const int half = static_cast<int>(jose.size() / 2);
  const std::unique_ptr<ECDSA_SIG, FreeSignature> signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes, half, nullptr);
  BIGNUM* s = BN_bin2bn(bytes + half, half, nullptr);
  if (!signature || ECDSA_SIG_set0(signature.get(), r, s) != 1) return "";
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return "";
  std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

const EVP_MD* sha256() {
  static EVP_MD* const kFetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // for ever
  return kFetched;
}

}  // namespace

BareCheck::BareCheck(EVP_PKEY* key, std::string_view algorithm, std::string_view token)
    : key_(key),
      digest_(algorithm == "EdDSA" ? nullptr : sha256()),
      pss_(algorithm == "PS256"),
      text_(token.substr(0, token.rfind('.'))) {
  // A signature that cannot be decoded stays empty, and good() says no.
  (void)identity::decode_base64url(token.substr(token.rfind('.') + 1), signature_);
  if (algorithm == "ES256") signature_ = der_of(signature_);
}

bool BareCheck::good() const {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  if (EVP_DigestVerifyInit(context.get(), &options, digest_, nullptr, key_) != 1) return false;
  if (pss_ && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
               EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature_.data()),
                          signature_.size(), reinterpret_cast<const unsigned char*>(text_.data()),
                          text_.size()) == 1;
}

}  // namespace writ::bench
