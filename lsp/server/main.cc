// acl-lsp: the language server of tailnet policies, on standard input and output.
//
// Exit code: 0 after `shutdown` and `exit`, else 1; 2 for wrong usage.
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string_view>

#include "lsp/server/server.h"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--version") return std::puts("acl-lsp " ACL_VERSION) < 0 ? 1 : 0;
    if (word == "--help" || word == "-h") {
      std::puts(
          "usage: acl-lsp [--stdio]\n\n"
          "Serves one editor by the Language Server Protocol 3.17, on standard input and output.");
      return 0;
    }
    // Clients that know several ways name the one they use; there is only this one.
    if (word == "--stdio" || word.substr(0, 18) == "--clientProcessId=") continue;
    std::fprintf(stderr, "acl-lsp: unknown argument \"%s\"; usage: acl-lsp [--stdio]\n", argv[i]);
    return 2;
  }
  // What tests of a large tailnet need comes and goes with each key: in blocks of their own it goes back to the machine (measured with
  // 50,000 nodes: 125 MiB instead of 161, in the same time).
  ::mallopt(M_MMAP_THRESHOLD, 256 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  // A client that goes away is seen when writing fails.
  std::signal(SIGPIPE, SIG_IGN);
  return acl::lsp::serve(STDIN_FILENO, STDOUT_FILENO);
}
