#include "node/session/host_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "engine/net/file.h"
#include "node/session/openssh_key.h"

namespace acl::node::session {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "host_keys.XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::system(("rm -rf " + path_).c_str()); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const char* name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Standard output of a command; empty where it fails.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>/dev/null").c_str(), "r"), pclose);
  std::string out;
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) out += buffer.data();
  return out;
}

std::string two_words(const std::string& line) {
  std::istringstream in(line);
  std::string type, blob;
  in >> type >> blob;
  return type + " " + blob;
}

bool verifies(const HostKey& key, const EVP_MD* digest, ByteView data, const Bytes& signature) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size()) == 1;
}

TEST(HostKeys, AreMadeOnceReadableByRootAloneAndTheirPublicHalvesByAll) {
  const Folder folder;
  const auto made = make_host_keys(folder / "keys");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(*made, ElementsAre(folder / "keys/ssh_host_ed25519_key", folder / "keys/ssh_host_ecdsa_key"));
  for (const auto& [name, mode] : {std::pair("keys", 0700U),
                                   {"keys/ssh_host_ed25519_key", 0600U},
                                   {"keys/ssh_host_ecdsa_key", 0600U},
                                   {"keys/ssh_host_ed25519_key.pub", 0644U},
                                   {"keys/ssh_host_ecdsa_key.pub", 0644U}}) {
    struct stat found {};
    ASSERT_EQ(stat((folder / name).c_str(), &found), 0) << name;
    EXPECT_EQ(found.st_mode & 07777, mode) << name;
  }
  const auto before = *read_file(folder / "keys/ssh_host_ed25519_key");
  EXPECT_TRUE(make_host_keys(folder / "keys")->empty());
  EXPECT_EQ(*read_file(folder / "keys/ssh_host_ed25519_key"), before);
  EXPECT_EQ(output_of("ls " + (folder / "keys") + " | wc -l"), "4\n");
}

TEST(HostKeys, AreReadInOrderOfPreferenceAsTheirPublicFilesSay) {
  const Folder folder;
  ASSERT_TRUE(make_host_keys(folder.path()));
  const auto keys = read_host_keys(folder.path());
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].type, "ssh-ed25519");
  EXPECT_EQ((*keys)[1].type, "ecdsa-sha2-nistp256");
  EXPECT_EQ(*read_file(folder / "ssh_host_ed25519_key.pub"), public_line((*keys)[0], "aclnode"));
  EXPECT_EQ(*read_file(folder / "ssh_host_ecdsa_key.pub"), public_line((*keys)[1], "aclnode"));
}

TEST(HostKeys, OfOursAreWhatSshKeygenSeesInThem) {
  const Folder folder;
  ASSERT_TRUE(make_host_keys(folder.path()));
  if (output_of("command -v ssh-keygen").empty()) GTEST_SKIP() << "needs ssh-keygen";
  EXPECT_THAT(output_of("ssh-keygen -l -f " + (folder / "ssh_host_ed25519_key.pub")), HasSubstr("(ED25519)"));
  EXPECT_THAT(output_of("ssh-keygen -l -f " + (folder / "ssh_host_ecdsa_key.pub")), HasSubstr("256 SHA256:"));
  EXPECT_EQ(two_words(output_of("ssh-keygen -y -f " + (folder / "ssh_host_ecdsa_key"))),
            two_words(*read_file(folder / "ssh_host_ecdsa_key.pub")));
}

TEST(HostKeys, OfSshKeygenAreReadInEachOfItsFormats) {
  if (output_of("command -v ssh-keygen").empty()) GTEST_SKIP() << "needs ssh-keygen";
  for (const char* const kind : {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521",
                                 "-t ecdsa -b 256 -m PKCS8", "-t ecdsa -b 256 -m PEM"}) {
    const Folder folder;
    const std::string file = folder / "ssh_host_ecdsa_key";
    output_of("ssh-keygen -q -N '' " + std::string(kind) + " -f " + file);
    const auto keys = read_host_keys(folder.path());
    ASSERT_TRUE(keys) << kind << ": " << keys.error().message;
    EXPECT_EQ(two_words(public_line(keys->front(), "")), two_words(*read_file(file + ".pub"))) << kind;
    EXPECT_FALSE(sign_hash(keys->front(), Bytes(64)).empty()) << kind;
  }
}

TEST(HostKeys, ThatAreNoneAreNamedWithTheReason) {
  const Folder folder;
  const std::string file = folder / "ssh_host_ed25519_key";
  const auto fault = [&] { return read_host_keys(folder.path()).error().message; };
  EXPECT_THAT(fault(), HasSubstr("there is no host key in"));
  const auto write = [&](const std::string& text) {
    std::ofstream(file) << text;
    chmod(file.c_str(), 0600);
  };
  write("");
  EXPECT_THAT(fault(), HasSubstr("it is empty"));
  write("nonsense");
  EXPECT_THAT(fault(), HasSubstr(file));
  EXPECT_THAT(fault(), HasSubstr("neither an unencrypted PKCS#8 private key nor one of OpenSSH"));
  write(std::string(70'000, 'x'));
  EXPECT_THAT(fault(), HasSubstr("too long"));
  output_of("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out " + file);
  chmod(file.c_str(), 0600);
  EXPECT_THAT(fault(), HasSubstr("neither Ed25519 nor ECDSA"));
  unlink(file.c_str());
  output_of("ssh-keygen -q -N secret -t ed25519 -f " + file);
  EXPECT_THAT(fault(), HasSubstr("it is encrypted"));
  write("x");
  chmod(file.c_str(), 0640);
  EXPECT_THAT(fault(), HasSubstr("others may use it (mode 640)"));
  EXPECT_FALSE(make_host_keys(folder.path()));
  unlink(file.c_str());
  mkdir(file.c_str(), 0700);
  EXPECT_THAT(fault(), HasSubstr("not a file"));
}

TEST(HostKeys, AreNotInProcessesForkedLater) {
  const Folder folder;
  ASSERT_TRUE(make_host_keys(folder.path()));
  auto keys = read_host_keys(folder.path());
  ASSERT_TRUE(keys);
  ASSERT_FALSE(keys->empty());
  wipe_in_children(&*keys);
  const pid_t child = fork();
  if (child == 0) _exit(keys->empty() ? 0 : 1);
  wipe_in_children(nullptr);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(sign_hash(keys->front(), Bytes(32)).empty());
}

TEST(Signatures, AreOfHashesAlone) {
  const Folder folder;
  ASSERT_TRUE(make_host_keys(folder.path()));
  const auto keys = read_host_keys(folder.path());
  for (std::size_t size = 0; size <= 70; ++size) {
    const Bytes data(size, 7);
    const bool is_hash = size == 20 || size == 32 || size == 48 || size == 64;
    EXPECT_EQ(sign_hash((*keys)[0], data).size(), is_hash ? 64U : 0U) << size;
    EXPECT_EQ(sign_hash((*keys)[1], data).empty(), !is_hash) << size;
  }
}

TEST(Signatures, AreVerifiedByTheKey) {
  const Folder folder;
  ASSERT_TRUE(make_host_keys(folder.path()));
  const auto keys = read_host_keys(folder.path());
  Bytes data(32, 9);
  const Bytes edwards = sign_hash((*keys)[0], data), ecdsa = sign_hash((*keys)[1], data);
  EXPECT_TRUE(verifies((*keys)[0], nullptr, data, edwards));
  EXPECT_TRUE(verifies((*keys)[1], EVP_sha256(), data, ecdsa));
  data[0] ^= 1;
  EXPECT_FALSE(verifies((*keys)[0], nullptr, data, edwards));
  EXPECT_FALSE(verifies((*keys)[1], EVP_sha256(), data, ecdsa));
}

// A file of OpenSSH's own format with any byte changed is the same key or none, and never more than a refusal.
RC_GTEST_PROP(OpensshKeys, ThatAreDamagedAreRefused, ()) {
  static const std::string good = [] {
    const Folder folder;
    output_of("ssh-keygen -q -N '' -t ed25519 -f " + (folder / "k"));
    auto text = read_file(folder / "k");
    return text ? *text : std::string();
  }();
  if (good.empty()) return;
  std::string text = good;
  const auto at = *rc::gen::inRange<std::size_t>(openssh_key_begin.size(), text.size());
  text[at] = *rc::gen::element('A', 'z', '/', '=', '\n', '-', '\x80');
  if (*rc::gen::inRange(0, 4) == 0) text.resize(at);
  const ParsedKey original = parse_openssh_key(good), damaged = parse_openssh_key(text);
  RC_ASSERT((damaged.key == nullptr) == !damaged.fault.empty());
  // Comment and padding may change.
  if (damaged.key) RC_ASSERT(EVP_PKEY_eq(damaged.key.get(), original.key.get()) == 1);
}

TEST(Base64, IsThatOfRfc4648) {
  const auto of = [](std::string_view text) {
    return base64(ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  };
  EXPECT_EQ(of(""), "");
  EXPECT_EQ(of("f"), "Zg==");
  EXPECT_EQ(of("fo"), "Zm8=");
  EXPECT_EQ(of("foo"), "Zm9v");
  EXPECT_EQ(of("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace acl::node::session
