#include "node/verify/jose.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <optional>

#include "node/verify/json.h"

namespace acl::node::verify {
namespace {

tl::unexpected<Diagnostic> no(std::string words) { return fail(Code::E1433, std::move(words)); }
tl::unexpected<Diagnostic> bad_keys(std::string words) { return fail(Code::E1434, std::move(words)); }

ByteView bytes_of(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

// RFC 7515 section 2: without padding, one text for each value.
std::optional<Bytes> decode_base64url(std::string_view text) {
  Bytes out(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  out.resize(size);
  return out;
}

// --- keys ------------------------------------------------------------------------------------------------------------------

std::optional<Bytes> member_bytes(const Json& object, std::string_view name) {
  const std::string* const text = object.text_of(name);
  return text != nullptr ? decode_base64url(*text) : std::nullopt;
}

std::optional<RsaKey> read_rsa(const Json& object) {
  auto modulus = member_bytes(object, "n");
  auto exponent = member_bytes(object, "e");
  if (!modulus || !exponent) return std::nullopt;
  RsaKey key{std::move(*modulus), std::move(*exponent)};
  return is_good(key) ? std::optional(std::move(key)) : std::nullopt;
}

std::optional<P256Key> read_p256(const Json& object) {
  const std::string* const curve = object.text_of("crv");
  const auto x = member_bytes(object, "x");
  const auto y = member_bytes(object, "y");
  if (curve == nullptr || *curve != "P-256" || !x || !y || x->size() != 32 || y->size() != 32) return std::nullopt;
  P256Key key{{4}};
  key.point.insert(key.point.end(), x->begin(), x->end());
  key.point.insert(key.point.end(), y->begin(), y->end());
  return key;
}

std::optional<Ed25519Key> read_ed25519(const Json& object) {
  const std::string* const curve = object.text_of("crv");
  auto x = member_bytes(object, "x");
  if (curve == nullptr || *curve != "Ed25519" || !x || x->size() != 32) return std::nullopt;
  return Ed25519Key{std::move(*x)};
}

// RFC 7517 sections 4.2 and 4.3.
bool is_for_signatures(const Json& object) {
  if (const Json* use = object.find("use"); use != nullptr && (use->kind != Json::Kind::string || use->text != "sig"))
    return false;
  const Json* const operations = object.find("key_ops");
  if (operations == nullptr) return true;
  return operations->kind == Json::Kind::array &&
         std::any_of(operations->items.begin(), operations->items.end(),
                     [](const Json& each) { return each.kind == Json::Kind::string && each.text == "verify"; });
}

std::optional<PinnedKey> read_key(const Json& object) {
  const std::string* const type = object.text_of("kty");
  if (type == nullptr || !is_for_signatures(object)) return std::nullopt;
  PinnedKey out;
  for (const auto& [name, place] : {std::pair{"kid", &out.id}, std::pair{"alg", &out.algorithm}}) {
    if (object.find(name) == nullptr) continue;
    const std::string* const text = object.text_of(name);
    if (text == nullptr || text->empty()) return std::nullopt;
    *place = *text;
  }
  const auto take = [&out](auto key) -> std::optional<PinnedKey> {
    if (!key) return std::nullopt;
    out.key = std::move(*key);
    return std::move(out);
  };
  if (*type == "RSA") return take(read_rsa(object));
  if (*type == "EC") return take(read_p256(object));
  if (*type == "OKP") return take(read_ed25519(object));
  return std::nullopt;
}

// --- tokens ----------------------------------------------------------------------------------------------------------------

struct Parts {
  std::string_view header, payload, signature, signed_text;
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
               token.substr(0, second)};
}

struct Header {
  std::string algorithm;
  std::optional<std::string> key_id;
};

Expected<Header> read_header(std::string_view encoded) {
  const auto bytes = decode_base64url(encoded);
  const auto json = bytes ? parse_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()}) : std::nullopt;
  const std::string* const algorithm = json ? json->text_of("alg") : nullptr;
  if (algorithm == nullptr) return no("the token's header is not one of a JSON Web Signature");
  if (json->find("crit") != nullptr) return no("the token's header has critical extensions, of which none is known");
  // RFC 8725 section 3.11: not a token of another kind.
  if (const Json* type = json->find("typ")) {
    std::string word = type->text;
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    if (word != "JWT" && word != "APPLICATION/JWT")
      return no(fmt::format("the token's type is \"{}\", not \"JWT\"", type->text));
  }
  Header header{*algorithm, std::nullopt};
  if (json->find("kid") != nullptr) {
    const std::string* const id = json->text_of("kid");
    if (id == nullptr) return no("the token's key id is no text");
    header.key_id = *id;
  }
  return header;
}

bool is_known(std::string_view algorithm) {
  return algorithm == "RS256" || algorithm == "PS256" || algorithm == "ES256" || algorithm == "EdDSA";
}

struct Made {
  std::string_view algorithm;
  ByteView message;
  ByteView signature;

  bool operator()(const RsaKey& key) const {
    if (algorithm == "RS256") return verify_rsa(key, RsaPadding::pkcs1, message, signature);
    return algorithm == "PS256" && verify_rsa(key, RsaPadding::pss, message, signature);
  }
  // RFC 7518 section 3.4: both numbers in full length.
  bool operator()(const P256Key& key) const {
    return algorithm == "ES256" && signature.size() == 64 &&
           verify_p256(key.point, message, signature.first(32), signature.last(32));
  }
  bool operator()(const Ed25519Key& key) const {
    return algorithm == "EdDSA" && verify_ed25519(key.key, message, signature);
  }
};

}  // namespace

Expected<std::vector<PinnedKey>> read_key_set(std::string_view text) {
  const auto json = parse_json(text);
  const Json* const list = json ? json->find("keys") : nullptr;
  if (list == nullptr || list->kind != Json::Kind::array) return bad_keys("it is no JSON Web Key Set");
  if (list->items.size() > most_keys)
    return bad_keys(fmt::format("{} keys are more than {}", list->items.size(), most_keys));
  std::vector<PinnedKey> out;
  for (const Json& each : list->items)
    if (auto key = read_key(each)) out.push_back(std::move(*key));
  if (out.empty()) return bad_keys("none of its keys can sign ID tokens by RS256, PS256, ES256 or EdDSA");
  return out;
}

Expected<std::string> verify_token_signature(std::string_view token, const std::vector<PinnedKey>& keys) {
  const auto parts = split(token);
  if (!parts) return no("the token is no JSON Web Signature in compact form");
  const auto header = read_header(parts->header);
  if (!header) return tl::unexpected(header.error());
  if (!is_known(header->algorithm))
    return no(fmt::format("the token's algorithm \"{}\" is none of RS256, PS256, ES256, EdDSA", header->algorithm));
  const auto payload = decode_base64url(parts->payload);
  const auto signature = decode_base64url(parts->signature);
  if (!payload || !signature) return no("the token is not in base64url");
  const Made made{header->algorithm, bytes_of(parts->signed_text), *signature};
  for (const PinnedKey& each : keys) {
    if (header->key_id && *header->key_id != each.id) continue;
    if (!each.algorithm.empty() && each.algorithm != header->algorithm) continue;
    if (std::visit(made, each.key)) return std::string(payload->begin(), payload->end());
  }
  return no("the token is signed by none of the pinned keys");
}

}  // namespace acl::node::verify
