#include "node/session/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace acl::node::session {
namespace {

struct Mode {
  std::uint8_t opcode;
  enum class In : std::uint8_t { character, input, local, output, control } in;
  tcflag_t value;  // of a character its index
};
using In = Mode::In;

// RFC 4254 section 8. VDSUSP (11), VSTATUS (17) and VFLUSH (15) are not of Linux.
constexpr Mode modes_known[] = {
    {1, In::character, VINTR},   {2, In::character, VQUIT},     {3, In::character, VERASE},
    {4, In::character, VKILL},   {5, In::character, VEOF},      {6, In::character, VEOL},
    {7, In::character, VEOL2},   {8, In::character, VSTART},    {9, In::character, VSTOP},
    {10, In::character, VSUSP},  {12, In::character, VREPRINT}, {13, In::character, VWERASE},
    {14, In::character, VLNEXT}, {16, In::character, VSWTC},    {18, In::character, VDISCARD},
    {30, In::input, IGNPAR},     {31, In::input, PARMRK},       {32, In::input, INPCK},
    {33, In::input, ISTRIP},     {34, In::input, INLCR},        {35, In::input, IGNCR},
    {36, In::input, ICRNL},      {37, In::input, IUCLC},        {38, In::input, IXON},
    {39, In::input, IXANY},      {40, In::input, IXOFF},        {41, In::input, IMAXBEL},
    {42, In::input, IUTF8},      {50, In::local, ISIG},         {51, In::local, ICANON},
    {52, In::local, XCASE},      {53, In::local, ECHO},         {54, In::local, ECHOE},
    {55, In::local, ECHOK},      {56, In::local, ECHONL},       {57, In::local, NOFLSH},
    {58, In::local, TOSTOP},     {59, In::local, IEXTEN},       {60, In::local, ECHOCTL},
    {61, In::local, ECHOKE},     {62, In::local, PENDIN},       {70, In::output, OPOST},
    {71, In::output, OLCUC},     {72, In::output, ONLCR},       {73, In::output, OCRNL},
    {74, In::output, ONOCR},     {75, In::output, ONLRET},      {92, In::control, PARENB},
    {93, In::control, PARODD},
};
constexpr std::uint8_t cs7 = 90, cs8 = 91, input_speed = 128, output_speed = 129, first_unknown = 160;
constexpr std::uint32_t no_character = 255;

struct Speed {
  std::uint32_t bauds;
  speed_t value;
};
constexpr Speed speeds[] = {{50, B50},         {75, B75},         {110, B110},       {134, B134},
                            {150, B150},       {200, B200},       {300, B300},       {600, B600},
                            {1200, B1200},     {1800, B1800},     {2400, B2400},     {4800, B4800},
                            {9600, B9600},     {19200, B19200},   {38400, B38400},   {57600, B57600},
                            {115200, B115200}, {230400, B230400}, {460800, B460800}, {921600, B921600}};

speed_t speed_of(std::uint32_t bauds) noexcept {
  const auto* const at =
      std::find_if(std::begin(speeds), std::end(speeds), [&](const Speed& each) { return each.bauds == bauds; });
  return at != std::end(speeds) ? at->value : B38400;
}

void set_flag(tcflag_t& flags, tcflag_t flag, bool on) noexcept { flags = on ? flags | flag : flags & ~flag; }

void set_size(tcflag_t& flags, tcflag_t size, bool on) noexcept {
  if (on) flags = (flags & ~static_cast<tcflag_t>(CSIZE)) | size;
}

void apply(const Mode& mode, std::uint32_t argument, termios& settings) noexcept {
  switch (mode.in) {
    case In::character:
      settings.c_cc[mode.value] =
          argument >= no_character ? static_cast<cc_t>(_POSIX_VDISABLE) : static_cast<cc_t>(argument);
      break;
    case In::input: set_flag(settings.c_iflag, mode.value, argument != 0); break;
    case In::local: set_flag(settings.c_lflag, mode.value, argument != 0); break;
    case In::output: set_flag(settings.c_oflag, mode.value, argument != 0); break;
    case In::control: set_flag(settings.c_cflag, mode.value, argument != 0); break;
  }
}

tl::unexpected<Diagnostic> cannot(std::string_view what) {
  return fail(Code::E1404, fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

unsigned short size_of(std::uint32_t value) noexcept {
  return static_cast<unsigned short>(std::min<std::uint32_t>(value, 65535));
}

// Group tty has number 5 everywhere that devpts is mounted with gid=5; asked all the same, and once, as a directory may be slow to answer.
gid_t group_of_terminals(gid_t otherwise) {
  static const std::optional<gid_t> known = []() -> std::optional<gid_t> {
    const group* const found = getgrnam("tty");
    return found != nullptr ? std::optional(found->gr_gid) : std::nullopt;
  }();
  return known.value_or(otherwise);
}

}  // namespace

void apply_modes(protocol::ByteView modes, termios& settings) noexcept {
  while (modes.size() >= 5 && modes[0] != 0 && modes[0] < first_unknown) {
    const std::uint8_t opcode = modes[0];
    const std::uint32_t argument = static_cast<std::uint32_t>(modes[1]) << 24 |
                                   static_cast<std::uint32_t>(modes[2]) << 16 |
                                   static_cast<std::uint32_t>(modes[3]) << 8 | modes[4];
    modes = modes.subspan(5);
    const auto* const known = std::find_if(std::begin(modes_known), std::end(modes_known),
                                           [&](const Mode& each) { return each.opcode == opcode; });
    if (known != std::end(modes_known)) apply(*known, argument, settings);
    if (opcode == cs7) set_size(settings.c_cflag, CS7, argument != 0);
    if (opcode == cs8) set_size(settings.c_cflag, CS8, argument != 0);
    if (opcode == input_speed) cfsetispeed(&settings, speed_of(argument));
    if (opcode == output_speed) cfsetospeed(&settings, speed_of(argument));
  }
}

Expected<OpenedTerminal> open_terminal(const protocol::Terminal& wanted, const Account& account) {
  OpenedTerminal terminal;
  terminal.master = Fd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  std::array<char, 64> name{};
  if (!terminal.master || grantpt(terminal.master.get()) != 0 || unlockpt(terminal.master.get()) != 0 ||
      ptsname_r(terminal.master.get(), name.data(), name.size()) != 0) {
    return cannot("make a pseudoterminal");
  }
  terminal.name = name.data();
  terminal.slave = Fd(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return cannot(fmt::format("open \"{}\"", terminal.name));
  if (fchown(terminal.slave.get(), account.uid, group_of_terminals(account.gid)) != 0 ||
      fchmod(terminal.slave.get(), 0620) != 0) {
    return cannot(fmt::format("give \"{}\" to \"{}\"", terminal.name, account.name));
  }
  termios settings{};
  if (tcgetattr(terminal.slave.get(), &settings) == 0) {
    apply_modes(wanted.modes, settings);
    tcsetattr(terminal.slave.get(), TCSANOW, &settings);
  }
  const winsize size{size_of(wanted.rows), size_of(wanted.columns), size_of(wanted.width), size_of(wanted.height)};
  ioctl(terminal.slave.get(), TIOCSWINSZ, &size);
  return terminal;
}

}  // namespace acl::node::session
