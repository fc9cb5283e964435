#include "node/daemon/last_guard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/net/file.h"

namespace acl::node {
namespace {

constexpr const char* config = "/etc/aclnode/aclnode.toml";

class LastGuard : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder_), nullptr);
    ASSERT_TRUE(keep_last_guard(folder_, config, {"wg7", 0x40}));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string file() const { return std::string(folder_) + "/guard"; }
  // A text that is no TOML, but still says where the state is.
  [[nodiscard]] std::string broken(const std::string& before = "") const {
    return before + "interface = wg7\n  state_dir\t= \"" + folder_ + "\"   # here\nsource = [\n";
  }

  char folder_[32] = "/tmp/last-guard-XXXXXX";
};

TEST_F(LastGuard, IsFoundByATextThatIsNoToml) {
  ASSERT_FALSE(guard_settings(broken())) << "else this tests nothing";
  for (const char* before : {"", "state_dir = oops\n", "state_dir\n", "]]]\n\n", "state_dir = \"half\n"}) {
    const auto found = last_guard(config, broken(before));
    ASSERT_TRUE(found) << before;
    EXPECT_EQ(found->interface, "wg7");
    EXPECT_EQ(found->mark, 0x40U);
  }
}

TEST_F(LastGuard, OfAnotherConfigurationIsNone) { EXPECT_FALSE(last_guard("/etc/aclnode/other.toml", broken())); }

TEST_F(LastGuard, FollowsTheConfiguration) {
  ASSERT_TRUE(keep_last_guard(folder_, config, {"wg8", 0x08000000}));
  EXPECT_EQ(last_guard(config, broken())->interface, "wg8");
}

// Every damage: it is as if it were not there.
TEST_F(LastGuard, ThatIsDamagedIsNone) {
  const auto good = read_file(file());
  ASSERT_TRUE(good);
  for (std::size_t length = 0; length < good->size(); ++length) {
    std::ofstream(file(), std::ios::trunc) << good->substr(0, length);
    EXPECT_FALSE(last_guard(config, broken())) << length << " bytes";
  }
  for (const char* odd :
       {"interface lo", "interface wg7 ", "interface a b", "mark 0x0", "mark 0x3", "mark 0x100000000"}) {
    std::string text = *good;
    const std::string line = odd;
    const std::size_t at = text.find(line.substr(0, line.find(' ') + 1));
    text.replace(at, text.find('\n', at) - at, line);
    std::ofstream(file(), std::ios::trunc) << text;
    EXPECT_FALSE(last_guard(config, broken())) << odd;
  }
}

TEST_F(LastGuard, ThatCannotBeWrittenIsAnError) {
  const auto done = keep_last_guard(std::string(folder_) + "/none", config, {"wg7", 0x40});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::E0003);
}

}  // namespace
}  // namespace acl::node
