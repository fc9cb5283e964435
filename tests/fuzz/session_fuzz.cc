// What aclnode-session reads of others besides messages: modes of terminals and names of variables, which come from a stranger; key files,
// /etc/environment and lines of /proc, which do not, and are read no less carefully. The first byte says what the rest is.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "node/session/descendants.h"
#include "node/session/environment.h"
#include "node/session/openssh_key.h"
#include "node/session/terminal.h"

namespace {

using namespace acl::node::session;  // NOLINT(google-build-using-namespace): a program of one file

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "session_fuzz: %s\n", what);
  std::abort();
}

void read_modes(ByteView bytes) {
  termios settings{};
  apply_modes(bytes, settings);
  termios again = settings;
  apply_modes(bytes, again);
  require(again.c_lflag == settings.c_lflag && std::equal(again.c_cc, again.c_cc + NCCS, settings.c_cc),
          "modes that mean something else the second time");
}

// Lines: the first is a pattern, the others are names.
void read_names(const std::string& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::vector<std::string> patterns = {text.substr(0, end)};
  EnvironmentOf of;
  of.account = {"ann", 1, 1, "/", "/bin/sh"};
  of.patterns = patterns;
  of.client = {{text.substr(end), "evil"}, {"HOME", "evil"}};
  for (const std::string& each : make_environment(of)) {
    require(each.rfind("LD_", 0) != 0 && each.rfind("HOME=evil", 0) != 0, "a variable that must not pass");
    require(each.find('\0') == std::string::npos, "a variable with a zero byte");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // Copied, so that a read beyond it is a read beyond an allocation.
  const Bytes bytes(data + 1, data + size);
  const std::string text(bytes.begin(), bytes.end());
  switch (data[0] % 5) {
    case 0: read_modes(bytes); break;
    case 1: read_names(text); break;
    case 2: {
      const ParsedKey parsed = parse_openssh_key(text);
      require((parsed.key == nullptr) == !parsed.fault.empty(), "a key with a fault, or neither");
      if (parsed.key) require(public_half(parsed.key.get()).has_value(), "a key without a public half");
      break;
    }
    case 3:
      for (const auto& [name, value] : parse_environment_file(text))
        require(!name.empty() && (name + value).find('\0') == std::string::npos, "no variable");
      path_of(text, true);
      break;
    default: {
      ProcessLine line;
      parse_process_line(text, line);
    }
  }
  return 0;
}
