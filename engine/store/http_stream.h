// HttpStream: one HTTP request whose answer comes piece by piece for as long as it takes, inside somebody's event loop.
//
// Poll `fd` for reading, then call `step`, which never blocks: it hands what has arrived to `receive` and tells when the answer
// has ended. As http.h in all it refuses; without a deadline beyond the connection's own, as a stream has no end. TCP keepalive
// finds a server that is gone without a word within about a minute.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/store/http.h"

namespace acl::store {

class HttpStream {
 public:
  // Some bytes of a body, with the status of its reply. False ends the stream: E1106.
  using Receive = std::function<bool(int status, std::string_view piece)>;

  explicit HttpStream(HttpOptions options);
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;
  ~HttpStream();

  // -1: no descriptors or memory left; nothing can be started.
  [[nodiscard]] int fd() const noexcept;
  // Ends what runs and sends the request, whose limit is not looked at: `receive` is to bound what it keeps.
  void start(HttpRequest request, Receive receive);
  [[nodiscard]] bool running() const noexcept;

  struct Ended {
    int status = 0;                        // 0 without a reply
    std::optional<Diagnostic> diagnostic;  // nothing: the answer is whole
  };
  // Nothing while it runs, or if nothing was started.
  std::optional<Ended> step();
  void stop();

 private:
  struct Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace acl::store
