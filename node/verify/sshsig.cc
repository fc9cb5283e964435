#include "node/verify/sshsig.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <optional>
#include <string>

#include "node/verify/public_key.h"

namespace acl::node::verify {
namespace {

constexpr std::string_view begin_mark = "-----BEGINSSHSIGNATURE-----";  // without its blanks
constexpr std::string_view end_mark = "-----ENDSSHSIGNATURE-----";
constexpr std::string_view magic = "SSHSIG";
constexpr std::string_view ed25519 = "sk-ssh-ed25519@openssh.com";
constexpr std::string_view ecdsa = "sk-ecdsa-sha2-nistp256@openssh.com";
constexpr std::uint8_t user_present = 0x01;  // CTAP: flags of authenticator data

tl::unexpected<Diagnostic> no(std::string words) { return fail(Code::E1432, std::move(words)); }

ByteView bytes_of(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
std::string_view text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// RFC 4251 section 5. After the first fault nothing comes any more.
class SshReader {
 public:
  explicit SshReader(ByteView bytes) noexcept : left_(bytes) {}
  ByteView take(std::size_t size) noexcept {
    if (size > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    const ByteView bytes = left_.first(size);
    left_ = left_.subspan(size);
    return bytes;
  }
  std::uint32_t number() noexcept {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(4)) value = value << 8 | byte;
    return value;
  }
  ByteView string() noexcept { return take(number()); }
  std::string_view text() noexcept { return text_of(string()); }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool done() const noexcept { return good_ && left_.empty(); }

 private:
  ByteView left_;
  bool good_ = true;
};

void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void put_string(Bytes& out, ByteView bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(bytes.size() >> shift));
  put(out, bytes);
}

std::optional<Bytes> decode_base64(std::string_view text) {
  Bytes out(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  out.resize(size);
  return out;
}

std::optional<Bytes> unarmour(std::string_view pasted) {
  std::string packed;
  for (const char c : pasted)
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') packed += c;
  const std::string_view whole = packed;
  if (whole.size() < begin_mark.size() + end_mark.size() || !whole.starts_with(begin_mark) ||
      !whole.ends_with(end_mark))
    return std::nullopt;
  return decode_base64(whole.substr(begin_mark.size(), whole.size() - begin_mark.size() - end_mark.size()));
}

struct SecurityKey {
  std::string_view type;
  ByteView key;  // 32 bytes, or the point
  ByteView application;
};

std::optional<SecurityKey> read_key(ByteView blob) {
  SshReader reader(blob);
  SecurityKey key;
  key.type = reader.text();
  if (key.type == ecdsa) {
    if (reader.text() != "nistp256") return std::nullopt;
  } else if (key.type != ed25519) {
    return std::nullopt;
  }
  key.key = reader.string();
  key.application = reader.string();
  const std::size_t wanted = key.type == ecdsa ? 65 : crypto_sign_PUBLICKEYBYTES;
  if (!reader.done() || key.key.size() != wanted) return std::nullopt;
  return key;
}

// "sk-ssh-ed25519@openssh.com AAAA…", perhaps with a comment.
std::optional<Bytes> blob_of(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  std::string_view text = line.substr(blank + 1);
  text = text.substr(0, text.find(' '));
  auto blob = decode_base64(text);
  if (!blob) return std::nullopt;
  const auto key = read_key(*blob);
  if (!key || key->type != line.substr(0, blank)) return std::nullopt;
  return blob;
}

struct Signature {
  std::string_view type;
  ByteView bytes;
  std::uint8_t flags = 0;
  ByteView tail;  // flags and counter, as they are signed
};

std::optional<Signature> read_signature(ByteView blob) {
  SshReader reader(blob);
  Signature signature;
  signature.type = reader.text();
  signature.bytes = reader.string();
  signature.tail = reader.take(5);
  if (!reader.done()) return std::nullopt;
  signature.flags = signature.tail[0];
  return signature;
}

// A positive mpint, as short as it can be.
std::optional<ByteView> positive(ByteView bytes) {
  if (bytes.empty() || (bytes[0] & 0x80) != 0) return std::nullopt;
  if (bytes[0] != 0) return bytes;
  if (bytes.size() == 1 || (bytes[1] & 0x80) == 0) return std::nullopt;
  return bytes.subspan(1);
}

bool made_by(const SecurityKey& key, const Signature& signature, ByteView message) {
  Bytes data;
  put(data, sha256(key.application));
  put(data, signature.tail);
  put(data, sha256(message));
  if (key.type == ed25519) return verify_ed25519(key.key, data, signature.bytes);
  SshReader reader(signature.bytes);
  const auto r = positive(reader.string());
  const auto s = positive(reader.string());
  return reader.done() && r && s && verify_p256(key.key, data, *r, *s);
}

struct Envelope {
  ByteView key;
  std::string_view name_space;
  ByteView reserved;
  std::string_view hash;
  ByteView signature;
};

Expected<Envelope> read_envelope(ByteView bytes) {
  SshReader reader(bytes);
  const bool begins = text_of(reader.take(magic.size())) == magic;
  const std::uint32_t version = reader.number();
  if (!begins || !reader.good()) return no("what was pasted is no signature of ssh-keygen");
  if (version != 1) return no(fmt::format("version {} of signatures is not known", version));
  Envelope envelope;
  envelope.key = reader.string();
  envelope.name_space = reader.text();
  envelope.reserved = reader.string();
  envelope.hash = reader.text();
  envelope.signature = reader.string();
  if (!reader.good()) return no("the signature is not whole");
  if (!reader.done()) return no("something follows the signature");
  return envelope;
}

// What the key has signed, in the end.
std::optional<Bytes> signed_bytes(const Envelope& envelope, std::string_view message) {
  Bytes out;
  put(out, bytes_of(magic));
  put_string(out, bytes_of(envelope.name_space));
  put_string(out, envelope.reserved);
  put_string(out, bytes_of(envelope.hash));
  if (envelope.hash == "sha512") {
    put_string(out, sha512(bytes_of(message)));
  } else if (envelope.hash == "sha256") {
    put_string(out, sha256(bytes_of(message)));
  } else {
    return std::nullopt;
  }
  return out;
}

std::optional<std::size_t> place_of(ByteView blob, const std::vector<std::string>& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto allowed = blob_of(keys[i]);
    if (allowed && std::equal(allowed->begin(), allowed->end(), blob.begin(), blob.end())) return i;
  }
  return std::nullopt;
}

}  // namespace

Expected<std::size_t> verify_signature(const protocol::SignatureToVerify& question) {
  const auto bytes = unarmour(question.pasted);
  if (!bytes)
    return no(
        "what was pasted is not a whole signature, from -----BEGIN SSH SIGNATURE----- to -----END SSH SIGNATURE-----");
  const auto envelope = read_envelope(*bytes);
  if (!envelope) return tl::unexpected(envelope.error());
  if (envelope->name_space != question.name_space)
    return no(fmt::format("the signature is for the namespace \"{}\", not \"{}\"", envelope->name_space,
                          question.name_space));
  const auto key = read_key(envelope->key);
  if (!key) return no("the signature is not by a key on a FIDO2 device");
  const auto place = place_of(envelope->key, question.keys);
  if (!place) return no("the signature is by a key that is not among this user's security keys");
  const auto message = signed_bytes(*envelope, question.message);
  if (!message) return no(fmt::format("the hash \"{}\" is neither sha256 nor sha512", envelope->hash));
  const auto signature = read_signature(envelope->signature);
  if (!signature || signature->type != key->type) return no("the signature is not in the form of its key");
  if ((signature->flags & user_present) == 0) return no("nobody touched the key for this signature");
  if (!made_by(*key, *signature, *message)) return no("the signature is not over the text that was to be signed");
  return *place;
}

}  // namespace acl::node::verify
