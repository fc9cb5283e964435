#include "node/session/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace acl::node::session {
namespace {

using protocol::Bytes;

Bytes mode(std::uint8_t opcode, std::uint32_t value) {
  return {opcode, static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
          static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
termios after(const Bytes& modes, termios settings = {}) {
  apply_modes(modes, settings);
  return settings;
}

constexpr std::uint8_t vintr = 1, verase = 3, icrnl = 36, iutf8 = 42, isig = 50, echo = 53, opost = 70, cs7 = 90,
                       cs8 = 91, parenb = 92, ispeed = 128, ospeed = 129;

TEST(TerminalModes, SetFlagsAndClearThem) {
  const termios on =
      after(mode(icrnl, 1) + mode(iutf8, 1) + mode(isig, 1) + mode(echo, 7) + mode(opost, 1) + mode(parenb, 1));
  EXPECT_EQ(on.c_iflag, static_cast<tcflag_t>(ICRNL | IUTF8));
  EXPECT_EQ(on.c_lflag, static_cast<tcflag_t>(ISIG | ECHO));
  EXPECT_EQ(on.c_oflag, static_cast<tcflag_t>(OPOST));
  EXPECT_EQ(on.c_cflag, static_cast<tcflag_t>(PARENB));
  const termios off = after(mode(echo, 0) + mode(icrnl, 0), on);
  EXPECT_EQ(off.c_lflag, static_cast<tcflag_t>(ISIG));
  EXPECT_EQ(off.c_iflag, static_cast<tcflag_t>(IUTF8));
}

TEST(TerminalModes, SetCharactersAnd255DisablesOne) {
  const termios set = after(mode(vintr, 3) + mode(verase, 255));
  EXPECT_EQ(set.c_cc[VINTR], 3);
  EXPECT_EQ(set.c_cc[VERASE], _POSIX_VDISABLE);
}

TEST(TerminalModes, SetTheSizeOfCharactersAndSpeeds) {
  EXPECT_EQ(after(mode(cs7, 1)).c_cflag & CSIZE, static_cast<tcflag_t>(CS7));
  EXPECT_EQ(after(mode(cs7, 1) + mode(cs8, 1)).c_cflag & CSIZE, static_cast<tcflag_t>(CS8));
  EXPECT_EQ(after(mode(cs7, 0)).c_cflag & CSIZE, tcflag_t{0});
  // A terminal of Linux has one speed.
  const termios fast = after(mode(ispeed, 9600) + mode(ospeed, 115200));
  EXPECT_EQ(cfgetospeed(&fast), static_cast<speed_t>(B115200));
  const termios odd = after(mode(ospeed, 12345));
  EXPECT_EQ(cfgetospeed(&odd), static_cast<speed_t>(B38400));
}

// RFC 4254 section 8: opcodes 160 to 255 are not defined yet, and cause parsing to stop.
TEST(TerminalModes, EndAtTheirEndOrAtWhatHasNoLength) {
  EXPECT_EQ(after(Bytes{0} + mode(echo, 1)).c_lflag, tcflag_t{0});
  EXPECT_EQ(after(mode(160, 1) + mode(echo, 1)).c_lflag, tcflag_t{0});
  EXPECT_EQ(after(mode(159, 1) + mode(echo, 1)).c_lflag, static_cast<tcflag_t>(ECHO));
  EXPECT_EQ(after(mode(11, 1) + mode(echo, 1)).c_lflag, static_cast<tcflag_t>(ECHO));
  EXPECT_EQ(after(Bytes{echo, 0, 0, 1}).c_lflag, tcflag_t{0});
  EXPECT_EQ(after(Bytes{}).c_lflag, tcflag_t{0});
}

RC_GTEST_PROP(TerminalModes, OfAnyBytesChangeNothingButSettings, (Bytes modes)) {
  struct {
    std::uint64_t before = 0x1234;
    termios settings{};
    std::uint64_t after = 0x5678;
  } held;
  apply_modes(modes, held.settings);
  RC_ASSERT(held.before == 0x1234U);
  RC_ASSERT(held.after == 0x5678U);
}

TEST(Terminals, AreTheUsersAndHaveTheClientsSize) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: a terminal is given away";
  protocol::Terminal wanted{"xterm", 101, 33, 70000, 600, mode(echo, 0)};
  const auto terminal = open_terminal(wanted, {"nobody", 65534, 65534, "/", "/bin/sh"});
  ASSERT_TRUE(terminal) << terminal.error().message;
  struct stat found {};
  ASSERT_EQ(fstat(terminal->slave.get(), &found), 0);
  EXPECT_EQ(found.st_uid, 65534U);
  EXPECT_EQ(found.st_mode & 07777, 0620U);
  winsize size{};
  ASSERT_EQ(ioctl(terminal->slave.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_col, 101);
  EXPECT_EQ(size.ws_row, 33);
  EXPECT_EQ(size.ws_xpixel, 65535);
  termios settings{};
  ASSERT_EQ(tcgetattr(terminal->slave.get(), &settings), 0);
  EXPECT_EQ(settings.c_lflag & ECHO, 0U);
  EXPECT_EQ(fcntl(terminal->master.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(fcntl(terminal->slave.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

}  // namespace
}  // namespace acl::node::session
