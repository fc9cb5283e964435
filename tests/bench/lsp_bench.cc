// lsp_bench ACL_LSP: what a person who types waits for. Starts the real program for a policy of 10,000 lines and inventories of 5,000 and
// 50,000 nodes, speaks JSON-RPC, and prints medians and 99th percentiles: from a change to the first diagnostics of that version
// (first_look.h), to the end of the whole check, to the end of its tests, completion, hover; from the start to the first diagnostics;
// memory.
//
// BENCH_KEYS: changes that are typed as fast as they are answered, and pairs that are typed with time between them (500).
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/net/file.h"
#include "tests/generate/large_tailnet.h"

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "lsp_bench: {}\n", why);
  std::exit(1);
}

class Server {
 public:
  explicit Server(const std::string& program) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) give_up("no pipes");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::string name = program;
    char* arguments[] = {name.data(), nullptr};
    if (::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ) != 0)
      give_up("cannot start " + program);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  ~Server() {
    ::close(in_);
    ::close(out_);
    ::waitpid(pid_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void send(const Json& message) {
    const std::string body = message.dump();
    const std::string text = fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body);
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t wrote = ::write(in_, text.data() + at, text.size() - at);
      if (wrote <= 0) give_up("the server has ended");
      at += static_cast<std::size_t>(wrote);
    }
  }
  void notify(const char* method, Json params) {
    send({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
  }
  // Sends a request, waits for its answer.
  void request(const char* method, Json params) {
    const int id = ++id_;
    send({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}});
    wait([&](std::string_view body) { return body.find(fmt::format("\"id\":{},", id)) != std::string_view::npos; });
  }
  // Until a message of which this is true. The texts are looked into, not parsed: parsing would be measured, too.
  void wait(const std::function<bool(std::string_view)>& is) {
    for (;;) {
      const std::string body = read();
      if (is(body)) return;
    }
  }
  std::size_t resident_mib() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    std::string word;
    while (status >> word) {
      std::size_t kib = 0;
      if (word == "VmHWM:" && status >> kib) peak_ = kib / 1024;
      if (word == "VmRSS:" && status >> kib) return kib / 1024;
    }
    return 0;
  }
  std::size_t peak_mib() const { return peak_; }

 private:
  std::string read() {
    for (;;) {
      const std::size_t head = buffer_.find("\r\n\r\n", begin_);
      if (head != std::string::npos) {
        const std::size_t length = std::strtoul(buffer_.c_str() + begin_ + 16, nullptr, 10);
        if (buffer_.size() >= head + 4 + length) {
          std::string body = buffer_.substr(head + 4, length);
          begin_ = head + 4 + length;
          return body;
        }
      }
      buffer_.erase(0, begin_);
      begin_ = 0;
      char bytes[1 << 16];
      const ssize_t got = ::read(out_, bytes, sizeof bytes);
      if (got <= 0) give_up("the server has ended");
      buffer_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  pid_t pid_ = 0;
  int in_ = -1, out_ = -1, id_ = 0;
  std::string buffer_;
  std::size_t begin_ = 0;
  mutable std::size_t peak_ = 0;
};

struct Times {
  std::vector<double> all;
  void print(const char* what, double target) {
    std::sort(all.begin(), all.end());
    const double p99 = all[(all.size() * 99 + 99) / 100 - 1];
    fmt::print("  {:<44} median {:7.2f} ms   99 % {:7.2f} ms{}\n", what, all[all.size() / 2], p99,
               target == 0    ? std::string()
               : p99 < target ? fmt::format("   (to reach: {:.0f} ms)", target)
                              : fmt::format("   (to reach: {:.0f} ms; MISSED)", target));
  }
};

bool is_published(std::string_view body, int version) {
  return body.find("\"textDocument/publishDiagnostics\"") != std::string_view::npos &&
         body.find(fmt::format("\"version\":{},\"diagnostics\"", version)) != std::string_view::npos;
}
bool is_tested(std::string_view body, int version) {
  return body.find("\"aclLsp/status\"") != std::string_view::npos &&
         body.find(fmt::format("\"tests\":{{\"version\":{},", version)) != std::string_view::npos;
}

Json change(const std::string& uri, int version, std::size_t line, std::size_t from, std::size_t to, const char* text) {
  return {
      {"textDocument", {{"uri", uri}, {"version", version}}},
      {"contentChanges",
       Json::array({{{"range",
                      {{"start", {{"line", line}, {"character", from}}}, {"end", {{"line", line}, {"character", to}}}}},
                     {"text", text}}})}};
}

void measure(const std::string& program, const char* size, double target) {
  auto shape = *acl::generate::large_shape(size);
  // 10,000 lines.
  shape.rules = shape.rules * 3 / 2;
  auto tailnet = acl::generate::large_tailnet(shape);
  auto lines = std::count(tailnet.policy.begin(), tailnet.policy.end(), '\n');
  shape.rules = static_cast<std::size_t>(static_cast<long>(shape.rules) + 10'000 - lines);
  tailnet = acl::generate::large_tailnet(shape);
  lines = std::count(tailnet.policy.begin(), tailnet.policy.end(), '\n');
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("lsp_bench-{}", ::getpid());
  std::filesystem::create_directories(folder);
  if (!acl::replace_file((folder / "inventory.hujson").string(), tailnet.inventory) ||
      !acl::replace_file((folder / "policy.hujson").string(), tailnet.policy))
    give_up("cannot write to " + folder.string());
  const std::string uri = "file://" + (folder / "policy.hujson").string();

  fmt::print("{} lines ({} KiB), {} nodes:\n", lines, tailnet.policy.size() / 1024, shape.nodes);
  const auto started = Clock::now();
  Server server(program);
  server.request("initialize", {{"processId", ::getpid()},
                                {"rootUri", nullptr},
                                {"capabilities", {{"general", {{"positionEncodings", {"utf-8"}}}}}}});
  server.notify("initialized", Json::object());
  server.notify("textDocument/didOpen",
                {{"textDocument", {{"uri", uri}, {"languageId", "hujson"}, {"version", 1}, {"text", tailnet.policy}}}});
  server.wait([](std::string_view body) { return is_published(body, 1); });
  fmt::print("  {:<44}        {:7.2f} ms                      (to reach: 100 ms)\n", "start to first diagnostics",
             since(started));
  server.wait([](std::string_view body) { return is_tested(body, 1); });
  fmt::print("  {:<44}        {:7.2f} ms\n", "start to the end of the tests", since(started));
  server.request("aclLsp/settled", Json::object());

  // A letter in the name of a group, in a rule in the middle of the file, typed and taken back: an error comes and goes.
  const char* wanted = std::getenv("BENCH_KEYS");
  const int keys = wanted == nullptr ? 500 : std::max(2, std::atoi(wanted));
  const std::size_t at = tailnet.policy.find("\"group:", tailnet.policy.size() / 2);
  const auto row = std::count(tailnet.policy.begin(), tailnet.policy.begin() + static_cast<long>(at), '\n');
  const std::size_t column = at - tailnet.policy.rfind('\n', at) - 1 + 8;
  Times first, last, hover, completion;
  int version = 1;
  const auto type = [&](bool back) {
    ++version;
    server.notify("textDocument/didChange", change(uri, version, static_cast<std::size_t>(row), column,
                                                   column + (back ? 1 : 0), back ? "" : "y"));
  };
  // As fast as they are answered.
  for (int key = 0; key < keys; ++key) {
    const auto typed = Clock::now();
    type(key % 2 == 1);
    server.wait([&](std::string_view body) { return is_published(body, version); });
    first.all.push_back(since(typed));
  }
  // With time for the check of the whole, and for the tests of a policy that has no error.
  Times whole;
  for (int key = 0; key < keys; ++key) {
    const auto typed = Clock::now();
    type(false);
    server.wait([&](std::string_view body) { return is_published(body, version); });
    first.all.push_back(since(typed));
    server.request("aclLsp/settled", Json::object());
    whole.all.push_back(since(typed));
    const auto taken_back = Clock::now();
    type(true);
    server.wait([&](std::string_view body) { return is_published(body, version); });
    first.all.push_back(since(taken_back));
    server.wait([&](std::string_view body) { return is_tested(body, version); });
    last.all.push_back(since(taken_back));
  }
  const Json place{{"textDocument", {{"uri", uri}}}, {"position", {{"line", row}, {"character", column}}}};
  server.request("aclLsp/settled", Json::object());
  for (int i = 0; i < keys; ++i) {
    auto asked = Clock::now();
    server.request("textDocument/hover", place);
    hover.all.push_back(since(asked));
    asked = Clock::now();
    server.request("textDocument/completion", place);
    completion.all.push_back(since(asked));
  }
  first.print("change to first diagnostics", target);
  whole.print("change to the end of the whole check", 0);
  last.print("change to the end of the tests", 0);
  hover.print("hover", 5);
  completion.print("completion", 5);
  const std::size_t now = server.resident_mib();
  fmt::print("  {:<44} {} MiB, at most {} MiB             (to reach: 150 MiB)\n", "memory", now, server.peak_mib());
  server.request("shutdown", Json::object());
  server.notify("exit", Json::object());
  std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: lsp_bench ACL_LSP\n");
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  if (std::getenv("BENCH_ONLY_L") == nullptr) measure(argv[1], "M", 10);
  measure(argv[1], "L", 50);
  return 0;
}
