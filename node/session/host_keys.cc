#include "node/session/host_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/net/fd.h"
#include "engine/net/file.h"
#include "node/session/openssh_key.h"

namespace acl::node::session {
namespace {

constexpr std::array<const char*, 2> file_names = {"ssh_host_ed25519_key", "ssh_host_ecdsa_key"};
constexpr std::size_t longest_file = std::size_t{64} * 1024;

tl::unexpected<Diagnostic> unusable(const std::string& name, std::string_view why, std::string help = {}) {
  return fail(Code::E1402, fmt::format("host key \"{}\": {}", name, why), std::move(help));
}

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using BioPointer = std::unique_ptr<BIO, FreeBio>;

// Nobody is there to be asked for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

KeyPointer parse_pem(std::string_view text) {
  const BioPointer memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return KeyPointer(memory ? PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr) : nullptr);
}

// The digest that goes with the key; none for Ed25519, which has its own.
const EVP_MD* digest_of(std::string_view type) {
  if (type == "ecdsa-sha2-nistp256") return EVP_sha256();
  if (type == "ecdsa-sha2-nistp384") return EVP_sha384();
  if (type == "ecdsa-sha2-nistp521") return EVP_sha512();
  return nullptr;
}

// Nothing if there is no such file. A name that leads to a key that others can read, or that another user can change, is refused.
Expected<std::string> read_secret_file(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::string();
  struct stat found {};
  if (!file || fstat(file.get(), &found) != 0) return unusable(path, std::strerror(errno));
  if (!S_ISREG(found.st_mode)) return unusable(path, "not a file");
  if (found.st_uid != geteuid()) return unusable(path, fmt::format("it belongs to user {}", found.st_uid));
  if ((found.st_mode & 077) != 0) {
    return unusable(path, fmt::format("others may use it (mode {:o})", found.st_mode & 07777), "chmod 600 " + path);
  }
  std::string text(longest_file + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unusable(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0 || size > longest_file) return unusable(path, size == 0 ? "it is empty" : "it is too long for a key");
  text.resize(size);
  return text;
}

Expected<std::string> pem_of(EVP_PKEY* key, const std::string& path) {
  const BioPointer memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return unusable(path, "OpenSSL cannot write it");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

KeyPointer generate(std::string_view file_name) {
  return KeyPointer(file_name == file_names[0] ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                               : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

// The whole file or none: written beside its place, synced, then linked there, which fails where a key has come meanwhile.
Expected<void> write_new(const std::string& path, std::string_view text) {
  const std::string beside = fmt::format("{}.new.{}", path, getpid());
  const Fd file(open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return unusable(beside, std::strerror(errno));
  const bool written = write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fsync(file.get()) == 0 && link(beside.c_str(), path.c_str()) == 0;
  const int error = errno;
  unlink(beside.c_str());
  if (!written && error != EEXIST) return unusable(path, fmt::format("cannot write it: {}", std::strerror(error)));
  return {};
}

Expected<bool> make_missing(const std::string& folder, std::string_view name) {
  const std::string path = fmt::format("{}/{}", folder, name);
  auto text = read_secret_file(path);
  if (!text) return tl::unexpected(text.error());
  const bool make = text->empty();
  if (make) {
    const KeyPointer key = generate(name);
    if (!key) return unusable(path, "OpenSSL cannot make it");
    auto pem = pem_of(key.get(), path);
    if (!pem) return tl::unexpected(pem.error());
    const auto written = write_new(path, *pem);
    OPENSSL_cleanse(pem->data(), pem->size());
    if (!written) return tl::unexpected(written.error());
    text = read_secret_file(path);
    if (!text) return tl::unexpected(text.error());
  }
  const auto key = parse_host_key(*text, path);
  OPENSSL_cleanse(text->data(), text->size());
  if (!key) return tl::unexpected(key.error());
  if (!make && access((path + ".pub").c_str(), F_OK) == 0) return false;
  if (auto written = replace_file(path + ".pub", public_line(*key, "aclnode")); !written) {
    return tl::unexpected(written.error());
  }
  chmod((path + ".pub").c_str(), 0644);
  return make;
}

// OpenSSL overwrites what it frees of a private key.
std::vector<HostKey>* to_wipe = nullptr;
void wipe() noexcept {
  if (to_wipe != nullptr) to_wipe->clear();
}

}  // namespace

void wipe_in_children(std::vector<HostKey>* keys) noexcept {
  static const int registered = pthread_atfork(nullptr, nullptr, wipe);
  to_wipe = registered == 0 ? keys : nullptr;
}

Expected<HostKey> parse_host_key(std::string_view text, const std::string& name) {
  ParsedKey parsed;
  if (text.find(openssh_key_begin) != std::string_view::npos) {
    parsed = parse_openssh_key(text);
  } else {
    parsed.key = parse_pem(text);
    parsed.fault = "neither an unencrypted PKCS#8 private key nor one of OpenSSH";
  }
  if (!parsed.key) return unusable(name, parsed.fault);
  auto half = public_half(parsed.key.get());
  if (!half) return unusable(name, "neither Ed25519 nor ECDSA on a NIST curve");
  half->key = std::move(parsed.key);
  return std::move(*half);
}

Expected<std::vector<HostKey>> read_host_keys(const std::string& folder) {
  std::vector<HostKey> keys;
  for (const char* const name : file_names) {
    const std::string path = fmt::format("{}/{}", folder, name);
    auto text = read_secret_file(path);
    if (!text) return tl::unexpected(text.error());
    if (text->empty()) continue;
    auto key = parse_host_key(*text, path);
    OPENSSL_cleanse(text->data(), text->size());
    if (!key) return tl::unexpected(key.error());
    keys.push_back(std::move(*key));
  }
  if (keys.empty()) {
    return fail(Code::E1402, fmt::format("there is no host key in \"{}\"", folder),
                "aclnode-session make-host-keys " + folder);
  }
  return keys;
}

Bytes sign_hash(const HostKey& key, ByteView data) {
  if (data.size() != 20 && data.size() != 32 && data.size() != 48 && data.size() != 64) return {};
  const std::unique_ptr<EVP_MD_CTX, FreeBio> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest_of(key.type), nullptr, key.key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data.data(), data.size()) != 1) {
    return {};
  }
  Bytes signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, data.data(), data.size()) != 1) return {};
  signature.resize(size);
  return signature;
}

std::string public_line(const HostKey& key, std::string_view comment) {
  return fmt::format("{} {} {}\n", key.type, base64(key.blob), comment);
}

Expected<std::vector<std::string>> make_host_keys(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return unusable(folder, std::strerror(errno));
  std::vector<std::string> made;
  for (const char* const name : file_names) {
    const auto is_new = make_missing(folder, name);
    if (!is_new) return tl::unexpected(is_new.error());
    if (*is_new) made.push_back(fmt::format("{}/{}", folder, name));
  }
  return made;
}

void warm_up_signing() {
  const Bytes hash(32);
  for (const char* const name : file_names) {
    const KeyPointer key = generate(name);
    if (!key) continue;
    const auto pem = pem_of(key.get(), name);
    const auto read = pem ? parse_host_key(*pem, name) : tl::unexpected(pem.error());
    if (read) sign_hash(*read, hash);
  }
}

}  // namespace acl::node::session
