#include "engine/store/testing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace acl::store::testing {
namespace {

constexpr int most_waits = 1000;

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

int listen_on_loopback(int& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 16) != 0) std::abort();
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

pid_t spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

TempFolder::TempFolder() {
  // In memory, where there is room: what is synced to a disk waits for all that others write to it.
  constexpr std::uintmax_t enough = std::uintmax_t{512} << 20;
  std::error_code failed;
  const auto memory = std::filesystem::space("/dev/shm", failed);
  const bool roomy = !failed && memory.available >= enough && access("/dev/shm", W_OK) == 0;
  std::string path =
      ((roomy ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) / "aclstore.XXXXXX")
          .string();
  if (mkdtemp(path.data()) == nullptr) std::abort();
  path_ = path;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, std::string_view bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string read_all(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Process::Process(std::vector<std::string> command, const std::string& log) : pid_(spawn(command, log)) {}

void Process::stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  for (int i = 0; i < most_waits; ++i) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return;
    }
    nap();
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

bool Process::running() {
  if (pid_ <= 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

int run(std::vector<std::string> command, const std::string& log) {
  int status = 0;
  const pid_t pid = spawn(command, log);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

std::optional<std::string> find_program(std::string_view name) {
  for (const std::string_view folder : {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/"}) {
    std::string path = std::string(folder) + std::string(name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

int free_port() {
  int port = 0;
  close(listen_on_loopback(port));
  return port;
}

bool wait_for_port(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  for (int i = 0; i < most_waits; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool up = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (up) return true;
    nap();
  }
  return false;
}

std::optional<Certificates> make_certificates(const TempFolder& folder, std::string_view name) {
  const auto openssl = find_program("openssl");
  if (!openssl) return std::nullopt;
  const auto file = [&](std::string_view end) { return folder / fmt::format("{}{}", name, end); };
  write_file(file(".ext"),
             "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n");
  const bool made =
      run({*openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
           "-subj", "/CN=test authority", "-keyout", file(".key"), "-out", file(".pem")}) == 0 &&
      run({*openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
           "-keyout", file("-server.key"), "-out", file("-server.csr")}) == 0 &&
      run({*openssl, "x509", "-req", "-days", "2", "-in", file("-server.csr"), "-CA", file(".pem"), "-CAkey",
           file(".key"), "-CAcreateserial", "-extfile", file(".ext"), "-out", file("-server.pem")}) == 0;
  if (!made) return std::nullopt;
  return Certificates{file(".pem"), file("-server.pem"), file("-server.key")};
}

FalseServer::FalseServer(Answer answer) : answer_(std::move(answer)) {
  listener_ = listen_on_loopback(port_);
  thread_ = std::thread([this] { serve(); });
}

FalseServer::~FalseServer() {
  ending_ = true;
  thread_.join();
  close(listener_);
}

void FalseServer::serve() {
  while (!ending_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    std::string head;
    std::array<char, 4096> buffer{};
    while (!ending_ && head.find("\r\n\r\n") == std::string::npos) {
      pollfd reading{fd, POLLIN, 0};
      if (poll(&reading, 1, 20) <= 0) continue;
      const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      head.append(buffer.data(), static_cast<std::size_t>(got));
    }
    answer_(head, [this, fd](std::string_view text) {
      while (!text.empty() && !ending_) {
        const ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent < 0) nap();
        if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
      }
      return !ending_;
    });
    close(fd);
  }
}

std::unique_ptr<Nginx> Nginx::start(const TempFolder& folder, const std::string& root) {
  const auto nginx = find_program("nginx");
  const auto certificates = nginx ? make_certificates(folder) : std::nullopt;
  if (!certificates) return nullptr;
  auto server = std::make_unique<Nginx>();
  server->certificates_ = *certificates;
  server->port_ = free_port();
  server->log_ = folder / "access.log";
  const std::string work = folder / "nginx";
  std::filesystem::create_directories(work);
  write_file(work + "/nginx.conf",
             fmt::format(R"(daemon off; master_process off; pid {0}/pid; error_log {0}/error.log;
events {{}}
http {{
  log_format short '$connection $status'; access_log {1} short;
  client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d; scgi_temp_path {0}/e;
  server {{
    listen 127.0.0.1:{2} ssl; ssl_certificate {3}; ssl_certificate_key {4};
    location /acl/ {{ root {5}; default_type application/octet-stream; }}
    location /moved/ {{ return 302 https://elsewhere.example/acl/; }}
    location /closed/ {{ return 403; }}
    location /packed/ {{ alias {5}/acl/; add_header Content-Encoding gzip; }}
  }}
}}
)",
                         work, server->log_, server->port_, certificates->certificate, certificates->key, root));
  server->process_.emplace(
      std::vector<std::string>{*nginx, "-p", work, "-e", work + "/error.log", "-c", work + "/nginx.conf"},
      work + "/output");
  return wait_for_port(server->port_) ? std::move(server) : nullptr;
}

std::string Nginx::url(std::string_view path) const { return fmt::format("https://127.0.0.1:{}/{}", port_, path); }

std::unique_ptr<Etcd> Etcd::start(const TempFolder& folder, bool users) {
  const auto etcd = find_program("etcd");
  const auto etcdctl = find_program("etcdctl");
  const auto certificates = etcd && etcdctl ? make_certificates(folder, "etcd") : std::nullopt;
  if (!certificates) return nullptr;
  auto server = std::make_unique<Etcd>();
  server->folder_ = folder.path();
  server->etcd_ = *etcd;
  server->etcdctl_ = *etcdctl;
  server->certificates_ = *certificates;
  server->port_ = free_port();
  server->peer_port_ = free_port();
  server->spawn();
  if (!wait_for_port(server->port_) || server->control({"endpoint", "health"}) != 0) return nullptr;
  if (!users) return server;
  write_file(folder / "password", "secret\n");
  chmod((folder / "password").c_str(), 0600);
  const bool ready =
      server->control({"user", "add", "root:root-secret"}) == 0 && server->control({"role", "add", "acl"}) == 0 &&
      server->control({"role", "grant-permission", "acl", "--prefix=true", "readwrite", "acl/"}) == 0 &&
      server->control({"user", "add", "aclc:secret"}) == 0 && server->control({"role", "add", "acl-read"}) == 0 &&
      server->control({"role", "grant-permission", "acl-read", "--prefix=true", "read", "acl/"}) == 0 &&
      server->control({"user", "add", "node:secret"}) == 0 &&
      server->control({"user", "grant-role", "node", "acl-read"}) == 0 &&
      server->control({"user", "add", "stranger:secret"}) == 0 &&
      server->control({"user", "grant-role", "aclc", "acl"}) == 0 &&
      server->control({"user", "grant-role", "root", "root"}) == 0 && server->control({"auth", "enable"}) == 0;
  server->users_ = true;
  return ready ? std::move(server) : nullptr;
}

void Etcd::spawn() {
  const std::string client = fmt::format("https://127.0.0.1:{}", port_);
  const std::string peer = fmt::format("http://127.0.0.1:{}", peer_port_);
  process_.emplace(
      std::vector<std::string>{etcd_, "--data-dir", folder_ + "/etcd-data", "--listen-client-urls", client,
                               "--advertise-client-urls", client, "--listen-peer-urls", peer,
                               "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
                               "--cert-file", certificates_.certificate, "--key-file", certificates_.key},
      folder_ + "/etcd.log");
}

void Etcd::start_again() {
  spawn();
  wait_for_port(port_);
}

StoreOptions Etcd::options(std::string_view user) const {
  StoreOptions options;
  options.ca_file = certificates_.ca;
  if (users_) {
    options.user = std::string(user);
    options.password_file = folder_ + "/password";
  }
  return options;
}

int Etcd::control(std::vector<std::string> arguments, const std::string& log) const {
  std::vector<std::string> command = {etcdctl_, "--cacert", certificates_.ca, "--endpoints",
                                      fmt::format("https://127.0.0.1:{}", port_)};
  if (users_) command.insert(command.end(), {"--user", "root:root-secret"});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(std::move(command), log);
}

}  // namespace acl::store::testing
