#include "node/session/listeners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace acl::node::session {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Folder {
  Folder() { mkdtemp(path.data()); }
  ~Folder() { fs::remove_all(path); }
  std::string path = "/tmp/listeners-XXXXXX";
};

unsigned mode_of(const std::string& path) {
  struct stat at {};
  return lstat(path.c_str(), &at) == 0 ? at.st_mode & 07777U : 0;
}

TEST(AListener, OfAPortIsOnLoopbackAndKnowsWhichItGot) {
  const OpenedListener opened = open_port(0);
  ASSERT_TRUE(opened.is_there()) << opened.words;
  EXPECT_NE(opened.port, 0);
  for (const Fd& each : opened.sockets) {
    sockaddr_in6 at{};  // the port stands at the same place in both
    socklen_t size = sizeof at;
    ASSERT_EQ(getsockname(each.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
    EXPECT_EQ(ntohs(at.sin6_port), opened.port);
    sockaddr_in v4{};
    std::memcpy(&v4, &at, sizeof v4);
    EXPECT_TRUE(at.sin6_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&at.sin6_addr)
                                           : ntohl(v4.sin_addr.s_addr) == INADDR_LOOPBACK);
  }
  const OpenedListener again = open_port(opened.port);
  EXPECT_FALSE(again.is_there());
  EXPECT_THAT(again.words, HasSubstr("Address already in use"));
}

TEST(AListener, OfADisplayIsTheFirstThatIsFree) {
  const OpenedListener first = open_display(), second = open_display();
  ASSERT_TRUE(first.is_there() && second.is_there());
  EXPECT_GE(first.port, 6010);
  EXPECT_GT(second.port, first.port);
  EXPECT_EQ(first.name, "localhost:" + std::to_string(first.port - 6000));
}

TEST(AListener, AtAPathIsItsOwnersAndGoesWithTheValue) {
  const Folder folder;
  const std::string path = folder.path + "/socket";
  {
    const OpenedListener opened = open_path(path);
    ASSERT_TRUE(opened.is_there()) << opened.words;
    EXPECT_EQ(mode_of(path), 0600U);
    EXPECT_THAT(open_path(path).words, HasSubstr("Address already in use"));
    EXPECT_TRUE(fs::exists(path)) << "a refusal takes nothing away";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(AListener, LeavesWhatOthersHavePutInItsPlace) {
  const Folder folder;
  const std::string path = folder.path + "/socket";
  {
    const OpenedListener opened = open_path(path);
    fs::remove(path);
    std::ofstream(path) << "another";
  }
  EXPECT_TRUE(fs::exists(path));
}

TEST(AListener, AtAPathThatCannotBeIsRefusedInWords) {
  EXPECT_THAT(open_path("relative").words, HasSubstr("begin with /"));
  EXPECT_THAT(open_path("").words, HasSubstr("begin with /"));
  EXPECT_THAT(open_path("/" + std::string(200, 'x')).words, HasSubstr("too long"));
  EXPECT_THAT(open_path("/nowhere/at/all").words, HasSubstr("No such file"));
}

TEST(AListener, OfAnAgentIsInAFolderOfItsOwn) {
  std::string name;
  {
    const OpenedListener opened = open_agent();
    ASSERT_TRUE(opened.is_there()) << opened.words;
    name = opened.name;
    EXPECT_THAT(name, StartsWith("/tmp/ssh-"));
    EXPECT_EQ(mode_of(name), 0600U);
    EXPECT_EQ(mode_of(fs::path(name).parent_path()), 0700U);
  }
  EXPECT_FALSE(fs::exists(fs::path(name).parent_path()));
}

}  // namespace
}  // namespace acl::node::session
