#include "identity/jwk.h"

#include <cjose/cjose.h>
#include <openssl/bn.h>
#include <openssl/err.h>

#include <algorithm>

#include "identity/base64url.h"
#include "identity/printable.h"
#include "identity/strict_json.h"

namespace writ::identity {
namespace {

using simdjson::dom::array;
using simdjson::dom::object;

constexpr std::size_t kFieldBytes = 32;       // a coordinate of P-256, a key of Ed25519
constexpr std::size_t kEs256Bytes = 64;       // r and s
constexpr std::size_t kEd25519SigBytes = 64;  // RFC 8032 section 5.1.6
constexpr std::size_t kMaxExponentBytes = 4;

Result<std::string> bytes_of(const object& json, std::string_view name) {
  const auto value = member(json, name);
  const auto text = value ? as_text(*value) : std::nullopt;
  std::string bytes;
  if (!text || text->empty() || !decode_base64url(*text, bytes)) {
    return fail(ErrorCode::kInvalid, "its `{}` is missing or not base64url", name);
  }
  return bytes;
}

std::string_view text_of(const object& json, std::string_view name) {
  const auto value = member(json, name);
  return value ? as_text(*value).value_or("") : "";
}

std::uint8_t* raw(std::string& bytes) { return reinterpret_cast<std::uint8_t*>(bytes.data()); }

// RFC 7517 sections 4.2 and 4.3.
Status check_use(const object& json) {
  if (const auto use = member(json, "use"); use && as_text(*use) != "sig") {
    return fail(ErrorCode::kInvalid, "its `use` is not sig");
  }
  const auto operations = member(json, "key_ops");
  if (!operations) return {};
  array list;
  if (operations->get(list) != simdjson::SUCCESS) {
    return fail(ErrorCode::kInvalid, "its `key_ops` is not a list");
  }
  for (const Json operation : list) {
    if (as_text(operation) == "verify") return {};
  }
  return fail(ErrorCode::kInvalid, "its `key_ops` do not hold verify");
}

}  // namespace

Result<Jwk> Jwk::from_json(const object& json) {
  Jwk key;
  if (const auto kid = member(json, "kid")) {
    const auto text = as_text(*kid);
    if (!text || text->empty() || text->size() > kMaxKid) {
      return fail(ErrorCode::kInvalid, "its `kid` is not a text of 1 to {} bytes", kMaxKid);
    }
    key.kid_ = std::string(*text);
  }
  const std::string_view kty = text_of(json, "kty");
  if (kty == "oct" || member(json, "k")) {
    return fail(ErrorCode::kInvalid, "it is symmetric: whoever can check could also sign");
  }
  if (member(json, "d")) return fail(ErrorCode::kInvalid, "it holds its private part");
  if (Status use = check_use(json); !use) return tl::unexpected(use.error());
  Status loaded = kty == "RSA"   ? key.load_rsa(json)
                  : kty == "EC"  ? key.load_ec(json)
                  : kty == "OKP" ? key.load_okp(json)
                                 : Status(fail(ErrorCode::kInvalid,
                                               "its type {} is not RSA, EC "
                                               "or OKP",
                                               printable(kty)));
  if (!loaded) return tl::unexpected(loaded.error());
  if (const auto alg = member(json, "alg")) {
    key.algorithm_ = algorithm_named(as_text(*alg).value_or(""));
    if (!key.algorithm_ || key_type_of(*key.algorithm_) != key.type_) {
      return fail(ErrorCode::kInvalid, "its `alg` is none that Writ checks with {} keys",
                  name_of(key.type_));
    }
  }
  return key;
}

Status Jwk::load_rsa(const object& json) {
  type_ = KeyType::kRsa;
  auto n = bytes_of(json, "n");
  if (!n) return tl::unexpected(n.error());
  auto e = bytes_of(json, "e");
  if (!e) return tl::unexpected(e.error());
  n->erase(0, std::min(n->find_first_not_of('\0'), n->size()));
  e->erase(0, std::min(e->find_first_not_of('\0'), e->size()));
  int bits = static_cast<int>(n->size() * 8);
  for (unsigned top = n->empty() ? 0x80u : static_cast<unsigned char>(n->front()); top < 0x80;
       top <<= 1) {
    --bits;
  }
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return fail(ErrorCode::kInvalid, "it is an RSA key of {} bits ({} to {} are taken)", bits,
                kMinRsaBits, kMaxRsaBits);
  }
  // An even modulus makes OpenSSL fall back to slow code; with e = 1 every text is a signature.
  const bool odd = (n->back() & 1) != 0 && !e->empty() && (e->back() & 1) != 0;
  if (!odd || *e == "\x01" || e->size() > kMaxExponentBytes) {
    return fail(ErrorCode::kInvalid, "its RSA modulus or exponent is none that is safe");
  }
  cjose_jwk_rsa_keyspec spec{};
  spec.n = raw(*n);
  spec.nlen = n->size();
  spec.e = raw(*e);
  spec.elen = e->size();
  cjose_.reset(cjose_jwk_create_RSA_spec(&spec, nullptr));
  if (!cjose_) return fail(ErrorCode::kInvalid, "it is not an RSA key");
  return {};
}

Status Jwk::load_ec(const object& json) {
  type_ = KeyType::kEcP256;
  if (text_of(json, "crv") != "P-256") {
    return fail(ErrorCode::kInvalid, "its curve {} is not P-256", printable(text_of(json, "crv")));
  }
  auto x = bytes_of(json, "x");
  if (!x) return tl::unexpected(x.error());
  auto y = bytes_of(json, "y");
  if (!y) return tl::unexpected(y.error());
  if (x->size() != kFieldBytes || y->size() != kFieldBytes) {  // RFC 7518 section 6.2.1.2
    return fail(ErrorCode::kInvalid, "its `x` and `y` are not 32 bytes each");
  }
  cjose_jwk_ec_keyspec spec{};
  spec.crv = CJOSE_JWK_EC_P_256;
  spec.x = raw(*x);
  spec.xlen = x->size();
  spec.y = raw(*y);
  spec.ylen = y->size();
  cjose_.reset(cjose_jwk_create_EC_spec(&spec, nullptr));
  ERR_clear_error();
  if (!cjose_) return fail(ErrorCode::kInvalid, "its `x` and `y` are not a point of P-256");
  return {};
}

Status Jwk::load_okp(const object& json) {
  type_ = KeyType::kEd25519;
  if (text_of(json, "crv") != "Ed25519") {
    return fail(ErrorCode::kInvalid, "its curve {} is not Ed25519",
                printable(text_of(json, "crv")));
  }
  auto x = bytes_of(json, "x");
  if (!x) return tl::unexpected(x.error());
  if (x->size() != kFieldBytes) return fail(ErrorCode::kInvalid, "its `x` is not 32 bytes");
  evp_.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(*x), x->size()));
  ERR_clear_error();
  if (!evp_) return fail(ErrorCode::kInvalid, "it is not an Ed25519 key");
  return {};
}

bool Jwk::fits(Algorithm algorithm) const {
  return key_type_of(algorithm) == type_ && (!algorithm_ || *algorithm_ == algorithm);
}

Status Jwk::check(Algorithm algorithm, const SignedText& token) const {
  if (algorithm == Algorithm::kEdDsa) return check_ed25519(token);
  struct FreeJws {
    void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
  };
  // cjose halves whatever length it finds.
  const bool sized = algorithm != Algorithm::kEs256 || token.signature.size() == kEs256Bytes;
  bool good = false;
  if (sized) {
    const std::unique_ptr<cjose_jws_t, FreeJws> jws(
        cjose_jws_import(token.compact.data(), token.compact.size(), nullptr));
    good = jws && cjose_jws_verify(jws.get(), cjose_.get(), nullptr);
  }
  if (!good) {
    ERR_clear_error();
    return fail(ErrorCode::kDenied, "the signature does not match");
  }
  return {};
}

// cjose 0.6 has no EdDSA (RFC 8037), so this one goes to OpenSSL.
Status Jwk::check_ed25519(const SignedText& token) const {
  struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const auto* signature = reinterpret_cast<const unsigned char*>(token.signature.data());
  const auto* text = reinterpret_cast<const unsigned char*>(token.signed_part.data());
  const bool good =
      context && token.signature.size() == kEd25519SigBytes &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, evp_.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature, token.signature.size(), text,
                       token.signed_part.size()) == 1;
  if (!good) {
    ERR_clear_error();
    return fail(ErrorCode::kDenied, "the signature does not match");
  }
  return {};
}

}  // namespace writ::identity
