#include "node/daemon/decisions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace acl::node {

Expected<Decisions> Decisions::open(const std::string& path) {
  if (path.empty()) return Decisions(STDERR_FILENO);
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
  if (fd < 0) return fail(Code::E0003, fmt::format("cannot write \"{}\": {}", path, std::strerror(errno)));
  return Decisions(fd);
}

Decisions::~Decisions() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

void Decisions::record(release::Time now, std::string_view event, std::initializer_list<Field> fields) {
  nlohmann::ordered_json line;
  line["time"] = release::print_time(now);
  line["event"] = event;
  for (const auto& [key, value] : fields) line[std::string(key)] = value;
  const std::string text = line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  // One write: lines of several daemons in one file do not mix (O_APPEND; write(2)).
  if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ++lost_;
}

}  // namespace acl::node
