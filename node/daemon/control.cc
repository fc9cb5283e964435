#include "node/daemon/control.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/release/text.h"

namespace acl::node {

using nlohmann::json;
using release::quoted;

namespace {

constexpr std::size_t most_connections = 16;
// Whoever connects and goes without end gets no more of the daemon's time than this; the rest waits for the next step.
constexpr int accepts_a_step = 16;
constexpr std::chrono::seconds patience_with_client{2};
constexpr std::size_t longest_answer = std::size_t{4} << 20;

std::optional<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

tl::unexpected<Diagnostic> cannot_listen(const std::string& path, int error) {
  return fail(Code::E0003, fmt::format("cannot listen on \"{}\": {}", path, std::strerror(error)));
}

std::optional<Asker> asker_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  Asker asker{peer.uid, peer.pid, {peer.gid}};
  std::vector<gid_t> groups(1024);
  size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0)
    asker.groups.insert(asker.groups.end(), groups.begin(),
                        groups.begin() + size / static_cast<socklen_t>(sizeof(gid_t)));
  return asker;
}

std::optional<std::string> text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<bool> flag_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_boolean()) return std::nullopt;
  return found->get<bool>();
}

constexpr std::pair<std::string_view, AskCheck::What> check_questions[] = {
    {"check-list", AskCheck::What::list},
    {"check-approve", AskCheck::What::approve},
    {"check-approve-signed", AskCheck::What::approve_signed},
    {"check-request", AskCheck::What::request},
    {"check-revoke", AskCheck::What::revoke}};

std::optional<AskCheck> parse_check(std::string_view name, const json& object) {
  for (const auto& [known, what] : check_questions) {
    if (known != name) continue;
    AskCheck out;
    out.what = what;
    std::size_t members = 1;
    bool whole = true;
    const auto take = [&](const char* key, std::string& value) {
      const auto text = text_of(object, key);
      whole = whole && text;
      value = text.value_or("");
      ++members;
    };
    const bool is_signed = what == AskCheck::What::approve_signed;
    if (is_signed) take("text", out.text);
    if (is_signed) take("signature", out.signature);
    if (!is_signed && what != AskCheck::What::list) take("source", out.source);
    if (!is_signed && what != AskCheck::What::list) take("user", out.user);
    if (what == AskCheck::What::approve || what == AskCheck::What::request) {
      const auto found = object.find("for_s");
      whole =
          whole && found != object.end() && found->is_number_unsigned() && found->get<std::uint64_t>() <= UINT32_MAX;
      if (whole) out.for_s = found->get<std::uint32_t>();
      ++members;
    }
    return whole && object.size() == members ? std::optional(out) : std::nullopt;
  }
  return std::nullopt;
}

json check_json(const AskCheck& check) {
  json out;
  for (const auto& [name, what] : check_questions) {
    if (what == check.what) out["ask"] = name;
  }
  if (check.what == AskCheck::What::list) return out;
  if (check.what == AskCheck::What::approve_signed) {
    out["text"] = check.text;
    out["signature"] = check.signature;
    return out;
  }
  out["source"] = check.source;
  out["user"] = check.user;
  if (check.what != AskCheck::What::revoke) out["for_s"] = check.for_s;
  return out;
}

// Any text as JSON; what is no UTF-8 is replaced.
std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

Expected<Ask> parse_ask(std::string_view line) {
  const auto bad = [](std::string what) { return fail(Code::E1305, std::move(what)); };
  if (line.size() > longest_ask) return bad("the question is too long");
  // Nesting is bounded by the length, and the parser recurses on no input (nlohmann/json keeps a stack of its own).
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return bad("the question is no JSON object");
  const auto ask = text_of(object, "ask");
  const std::size_t members = object.size();
  if (ask == "status" && members == 1) return AskStatus{};
  if (ask == "reload" && members == 1) return AskReload{};
  if (ask == "peers" && members == 1) return AskPeers{};
  if (ask == "whois" && members == 2) {
    if (const auto address = text_of(object, "address")) return AskWhois{*address};
  }
  if (ask == "why" && members == 3) {
    const auto source = text_of(object, "source"), target = text_of(object, "target");
    if (source && target) return AskWhy{*source, *target};
  }
  if (ask == "why-login" && members == 5) {
    const auto source = text_of(object, "source"), user = text_of(object, "user");
    const auto exists = flag_of(object, "exists"), is_root = flag_of(object, "is_root");
    if (source && user && exists && is_root) return AskWhyLogin{*source, *user, *exists, *is_root};
  }
  if (ask == "sessions" && members == 1) return AskSessions{};
  if (ask == "kill-session" && members == 2) {
    if (const auto session = text_of(object, "session")) return AskKillSession{*session};
  }
  if ((ask == "sshd-sources" && members == 4) || (ask == "sshd-login" && members == 5)) {
    const auto source = text_of(object, "source"), user = text_of(object, "user");
    const auto exists = flag_of(object, "exists"), is_root = flag_of(object, "is_root");
    if (user && exists && is_root && members == 4) return AskSshdSources{*user, *exists, *is_root};
    if (source && user && exists && is_root) return AskSshdLogin{*source, *user, *exists, *is_root};
  }
  if (ask) {
    if (auto check = parse_check(*ask, object)) return std::move(*check);
  }
  return bad(fmt::format("no such question: {}", quoted(line)));
}

std::string print_ask(const Ask& ask) {
  json object;
  if (std::holds_alternative<AskStatus>(ask)) object["ask"] = "status";
  if (std::holds_alternative<AskReload>(ask)) object["ask"] = "reload";
  if (std::holds_alternative<AskPeers>(ask)) object["ask"] = "peers";
  if (const auto* whois = std::get_if<AskWhois>(&ask)) object = {{"ask", "whois"}, {"address", whois->address}};
  if (const auto* why = std::get_if<AskWhy>(&ask))
    object = {{"ask", "why"}, {"source", why->source}, {"target", why->target}};
  if (const auto* why = std::get_if<AskWhyLogin>(&ask))
    object = {{"ask", "why-login"},
              {"source", why->source},
              {"user", why->user},
              {"exists", why->exists},
              {"is_root", why->is_root}};
  if (const auto* check = std::get_if<AskCheck>(&ask)) object = check_json(*check);
  if (std::holds_alternative<AskSessions>(ask)) object["ask"] = "sessions";
  if (const auto* kill = std::get_if<AskKillSession>(&ask))
    object = {{"ask", "kill-session"}, {"session", kill->session}};
  if (const auto* sshd = std::get_if<AskSshdSources>(&ask))
    object = {{"ask", "sshd-sources"}, {"user", sshd->user}, {"exists", sshd->exists}, {"is_root", sshd->is_root}};
  if (const auto* sshd = std::get_if<AskSshdLogin>(&ask))
    object = {{"ask", "sshd-login"},
              {"source", sshd->source},
              {"user", sshd->user},
              {"exists", sshd->exists},
              {"is_root", sshd->is_root}};
  return dump(object) + "\n";
}

std::string print_answer(const std::string& answer) { return fmt::format("{{\"answer\": {}}}\n", answer); }

std::string print_error(const Diagnostic& diagnostic) {
  return dump({{"error",
                {{"code", code_name(diagnostic.code)}, {"message", diagnostic.message}, {"help", diagnostic.help}}}}) +
         "\n";
}

Expected<ControlServer> ControlServer::listen(const std::string& path, Handler handler) {
  const auto address = socket_address(path);
  if (!address) return cannot_listen(path, ENAMETOOLONG);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  ControlServer server(path, listener, epoll, std::move(handler));
  if (listener < 0 || epoll < 0) return cannot_listen(path, errno);
  // The lock of the state folder says that no other daemon has it.
  ::unlink(path.c_str());
  // Everybody may connect; who asks is known to the daemon.
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::chmod(path.c_str(), 0666) != 0 || ::listen(listener, 16) != 0)
    return cannot_listen(path, errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) return cannot_listen(path, errno);
  return server;
}

ControlServer::ControlServer(ControlServer&& other) noexcept
    : path_(std::move(other.path_)),
      listener_(other.listener_),
      epoll_(other.epoll_),
      handler_(std::move(other.handler_)),
      connections_(std::move(other.connections_)) {
  other.listener_ = other.epoll_ = -1;
  other.connections_.clear();
}

ControlServer::~ControlServer() {
  for (const Connection& connection : connections_) ::close(connection.fd);
  if (listener_ >= 0) {
    ::close(listener_);
    ::unlink(path_.c_str());
  }
  if (epoll_ >= 0) ::close(epoll_);
}

void ControlServer::step(std::chrono::steady_clock::time_point now) {
  accept_all(now);
  for (std::size_t i = connections_.size(); i-- > 0;) {
    if (now >= connections_[i].deadline || !serve(connections_[i])) close_at(i);
  }
}

void ControlServer::accept_all(std::chrono::steady_clock::time_point now) {
  for (int i = 0; i < accepts_a_step; ++i) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    const auto asker = asker_of(fd);
    // One user's connections leave room for others', and all of theirs for root's.
    const auto same = std::count_if(connections_.begin(), connections_.end(),
                                    [&](const Connection& c) { return asker && c.asker.uid == asker->uid; });
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    const bool room = asker && (asker->uid == 0 ? connections_.size() < 2 * most_connections
                                                : connections_.size() < most_connections && same < 4);
    if (!room || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      ::close(fd);
      continue;
    }
    connections_.push_back({fd, *asker, {}, {}, std::nullopt, 0, false, now + patience_with_client});
  }
}

bool ControlServer::serve(Connection& connection) {
  if (!connection.answered && !connection.asked && !read_question(connection)) return false;
  // One that waits and has gone is waited for no more.
  char nothing = 0;
  if (connection.ticket != 0 && !connection.answered && ::recv(connection.fd, &nothing, 1, MSG_PEEK) == 0) return false;
  if (!connection.answered && connection.asked &&
      !answer(connection, handler_(*connection.asked, connection.asker, connection.ticket)))
    return false;
  if (!connection.answered) return true;
  while (!connection.out.empty()) {
    const ssize_t sent = ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN;
    connection.out.erase(0, static_cast<std::size_t>(sent));
  }
  return false;
}

// From then on only the end of the client is heard, and that it can be written to; what it says besides is nobody's.
bool ControlServer::answer(Connection& connection, std::optional<std::string> line) {
  epoll_event event{};
  event.events = line ? EPOLLOUT : 0U;
  event.data.fd = connection.fd;
  connection.answered = line.has_value();
  if (line) connection.out = std::move(*line);
  return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) == 0;
}

bool ControlServer::read_question(Connection& connection) {
  char buffer[longest_ask];
  for (;;) {
    const ssize_t got = ::recv(connection.fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    connection.in.append(buffer, static_cast<std::size_t>(got));
    const std::size_t end = connection.in.find('\n');
    if (end == std::string::npos && connection.in.size() <= longest_ask) continue;
    auto ask = parse_ask(std::string_view(connection.in).substr(0, end));
    if (!ask) return answer(connection, print_error(ask.error()));
    connection.asked = std::move(*ask);
    return true;
  }
}

void ControlServer::close_at(std::size_t index) {
  ::close(connections_[index].fd);
  connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(index));
}

Expected<std::string> ask_daemon(const std::string& socket, const Ask& ask, std::chrono::milliseconds patience) {
  const auto cannot = [&](int error) {
    return fail(
        Code::E1304, fmt::format("cannot ask the daemon at \"{}\": {}", socket, std::strerror(error)),
        error == ENOENT || error == ECONNREFUSED ? "is aclnode running? --socket or --config name another one" : "");
  };
  const auto address = socket_address(socket);
  if (!address) return cannot(ENAMETOOLONG);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return cannot(errno);
  const auto give_up = [&](int error) {
    ::close(fd);
    return cannot(error);
  };
  const timeval limit{static_cast<time_t>(patience.count() / 1000),
                      static_cast<suseconds_t>(patience.count() % 1000 * 1000)};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) return give_up(errno);
  const std::string line = print_ask(ask);
  if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return give_up(errno);
  std::string text;
  for (char buffer[4096]; text.size() < longest_answer;) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return give_up(errno == EAGAIN ? ETIMEDOUT : errno);
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(fd);
  const json reply = json::parse(text, nullptr, false);
  if (reply.is_object() && reply.contains("answer")) return dump(reply["answer"]);
  if (reply.is_object() && reply.contains("error") && reply["error"].is_object()) {
    const json& error = reply["error"];
    const auto code = text_of(error, "code");
    return fail(code == "E1305"   ? Code::E1305
                : code == "E1424" ? Code::E1424
                : code == "E1454" ? Code::E1454
                                  : Code::E1304,
                text_of(error, "message").value_or("the daemon says no"), text_of(error, "help").value_or(""));
  }
  return fail(Code::E1304, "the daemon gave no answer");
}

}  // namespace acl::node
