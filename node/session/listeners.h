// Listeners that a process of the user opens: ports of loopback, sockets in the file system, an agent's, a display's.
//
// What is made in the file system is taken away with the value, where it still is what was made. Faults are words for the person. Nothing
// here waits. By the rights of whoever calls: ports below 1024, folders of others are refused by the kernel.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/net/fd.h"

namespace acl::node::session {

// A socket in the file system, and the folder made for it: removed at the end.
class MadeSocket {
 public:
  MadeSocket() = default;
  // `folder`: empty: none was made.
  MadeSocket(std::string path, std::string folder);
  MadeSocket(MadeSocket&& other) noexcept { *this = std::move(other); }
  MadeSocket& operator=(MadeSocket&& other) noexcept;
  MadeSocket(const MadeSocket&) = delete;
  MadeSocket& operator=(const MadeSocket&) = delete;
  ~MadeSocket() { remove(); }

 private:
  void remove() noexcept;
  std::string path_, folder_;
  struct stat made_ {};
};

struct OpenedListener {
  std::vector<Fd> sockets;
  MadeSocket made;
  std::uint16_t port = 0;
  std::string name;   // of an agent's socket; of a display, without its screen: "localhost:10"
  std::string words;  // why there is none
  [[nodiscard]] bool is_there() const noexcept { return !sockets.empty(); }
};

// 127.0.0.1 and ::1, whichever of the two there are. 0: any port.
OpenedListener open_port(std::uint16_t port);
// Mode 0600. What is there already stays, and is a refusal.
OpenedListener open_path(const std::string& path);
// In a folder of its own below /tmp.
OpenedListener open_agent();
// The first free display from 10 on.
OpenedListener open_display();

}  // namespace acl::node::session
