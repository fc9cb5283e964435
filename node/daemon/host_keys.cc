#include "node/daemon/host_keys.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/net/file.h"
#include "engine/release/base64.h"

namespace acl::node {
namespace {

constexpr const char* names[] = {"ssh_host_ed25519_key", "ssh_host_ecdsa_key"};
constexpr std::size_t longest_public = 16'384;
constexpr int patience_ms = 30'000;

// The first two words of a line, if the first looks like a type of key.
std::string without_comment(std::string_view line) {
  line = line.substr(0, line.find('\n'));
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return {};
  const std::size_t second = line.find(' ', first + 1);
  const std::string_view both = line.substr(0, second);
  const bool plain = both.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-@. ") ==
                     std::string_view::npos;
  return plain && both.size() > first + 1 ? std::string(both) : std::string();
}

tl::unexpected<Diagnostic> cannot(std::string what, const std::string& path) {
  return fail(Code::E1402, fmt::format("{} \"{}\": {}", what, path, std::strerror(errno)));
}

}  // namespace

bool has_host_keys(const std::string& folder) noexcept {
  for (const char* name : names) {
    if (::access(fmt::format("{}/{}", folder, name).c_str(), F_OK) != 0) return false;
  }
  return true;
}

Expected<std::vector<std::string>> public_host_keys(const std::string& folder) {
  std::vector<std::string> out;
  for (const char* name : names) {
    const std::string path = fmt::format("{}/{}.pub", folder, name);
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) continue;
    const auto text = read_file(path, longest_public);
    if (!text) return tl::unexpected(text.error());
    std::string key = without_comment(*text);
    if (key.empty())
      return fail(Code::E1402, fmt::format("\"{}\" is no public key", path), "ssh-keygen -y -f FILE prints it anew");
    out.push_back(std::move(key));
  }
  if (out.empty())
    return fail(Code::E1402, fmt::format("there is no host key in \"{}\"", folder),
                "they are made at the first start of aclnode with [ssh] and enabled = true");
  return out;
}

Expected<StartedProgram> make_host_keys(const std::string& session_program, const std::string& folder) {
  return start_program(session_program, {"make-host-keys", folder});
}

Expected<void> replace_host_keys(const std::string& session_program, const std::string& folder) {
  const std::string fresh = folder + "/new_host_keys";
  std::error_code error;
  std::filesystem::remove_all(fresh, error);  // of one that was interrupted
  if (::mkdir(fresh.c_str(), 0700) != 0) return cannot("cannot make the folder", fresh);
  const auto made = [&]() -> Expected<void> {
    const auto program = make_host_keys(session_program, fresh);
    if (!program) return tl::unexpected(program.error());
    pollfd ended{program->watch.get(), POLLIN, 0};
    int status = -1;
    if (::poll(&ended, 1, patience_ms) != 1 || !program_ended(*program, status) || status != 0)
      return fail(Code::E1402, fmt::format("\"{}\" made no host keys: exit status {}", session_program, status));
    for (const char* name : names) {
      for (const char* end : {".pub", ""}) {
        const std::string file = fmt::format("{}{}", name, end);
        if (::rename(fmt::format("{}/{}", fresh, file).c_str(), fmt::format("{}/{}", folder, file).c_str()) != 0)
          return cannot("cannot put in its place", file);
      }
    }
    return {};
  }();
  std::filesystem::remove_all(fresh, error);
  return made;
}

std::string host_keys_json(const Key& node, const std::vector<std::string>& keys) {
  using json = nlohmann::ordered_json;
  json one;
  one["key"] = release::encode_base64(node);
  one["sshHostKeys"] = keys;
  return json{{"hostKeys", json::array({one})}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace acl::node
