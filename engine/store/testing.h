// What the tests of stores share: real servers on loopback (nginx, etcd), a false one for what real servers do not do, folders
// that vanish. Everything that is started dies with its object, by its process id, and at the latest with the test itself.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/store/store.h"

namespace acl::store::testing {

// Enough for anything that does not hang.
inline Deadline soon() { return within(std::chrono::seconds(20)); }

// A new folder, removed with all that is in it.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

void write_file(const std::string& path, std::string_view bytes);
std::string read_all(const std::string& path);

class Process {
 public:
  // Output and errors go to `log`.
  Process(std::vector<std::string> command, const std::string& log);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { stop(); }
  void stop();
  [[nodiscard]] bool running();

 private:
  int pid_ = -1;
};

// Runs to the end; its exit status.
int run(std::vector<std::string> command, const std::string& log = "/dev/null");
// Where a program is, if it is installed.
std::optional<std::string> find_program(std::string_view name);

int free_port();
// Waits up to ten seconds for somebody to listen.
bool wait_for_port(int port);

// A certification authority, and a certificate of it for 127.0.0.1, ::1 and localhost. Made by the openssl program.
struct Certificates {
  std::string ca;
  std::string certificate;
  std::string key;
};
std::optional<Certificates> make_certificates(const TempFolder& folder, std::string_view name = "ca");

// An HTTP server in a thread of its own that answers each connection by a function of ours: the request's head goes in.
class FalseServer {
 public:
  // Writes; false once the other side is gone.
  using Send = std::function<bool(std::string_view)>;
  using Answer = std::function<void(std::string_view head, const Send& send)>;

  explicit FalseServer(Answer answer);
  FalseServer(const FalseServer&) = delete;
  FalseServer& operator=(const FalseServer&) = delete;
  ~FalseServer();
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int connections() const noexcept { return connections_; }
  // For answers that wait: true once the server is to end.
  [[nodiscard]] bool ending() const noexcept { return ending_; }

 private:
  void serve();

  Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

// nginx over TLS: /acl/ is `root`/acl as it is; /moved/ redirects, /closed/ is 403, /packed/ claims to be compressed.
class Nginx {
 public:
  // Nothing if nginx or openssl is not installed.
  static std::unique_ptr<Nginx> start(const TempFolder& folder, const std::string& root);
  [[nodiscard]] std::string url(std::string_view path) const;
  [[nodiscard]] const std::string& ca() const noexcept { return certificates_.ca; }
  // "CONNECTION STATUS" of each request.
  [[nodiscard]] std::string log() const { return read_all(log_); }

 private:
  Certificates certificates_;
  std::string log_;
  int port_ = 0;
  std::optional<Process> process_;
};

// etcd with TLS. With users: root (password "root-secret"), and with the password "secret" aclc, who may do all below acl/, node,
// who may read there, and stranger, who may do nothing.
class Etcd {
 public:
  static std::unique_ptr<Etcd> start(const TempFolder& folder, bool users);
  [[nodiscard]] std::string url() const { return "etcds://127.0.0.1:" + std::to_string(port_) + "/acl"; }
  [[nodiscard]] StoreOptions options(std::string_view user = "aclc") const;
  void stop() { process_.reset(); }
  void start_again();
  // As root. Standard output goes to `log`.
  int control(std::vector<std::string> arguments, const std::string& log = "/dev/null") const;

 private:
  void spawn();

  std::string folder_;
  std::string etcd_;
  std::string etcdctl_;
  Certificates certificates_;
  bool users_ = false;
  int port_ = 0;
  int peer_port_ = 0;
  std::optional<Process> process_;
};

}  // namespace acl::store::testing
