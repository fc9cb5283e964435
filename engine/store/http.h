// HttpClient: one HTTP request at a time over a connection that is kept, with a limit on what comes back and a deadline for all
// of it (libcurl, https://curl.se/libcurl/c/). What the clients of https and etcd share.
//
// What it does not do, because each is a way for a stranger to choose what a node talks to or takes in:
// - follow redirects: a store moves by its configuration. One within the same host would save that edit and cost the rule that
//   what is configured is what is asked; the error names the place, so that an operator can enter it;
// - use proxies from the environment, .netrc, cookies, HTTP/0.9, other protocols than the one of the URL;
// - ask for or unpack compressed bodies;
// - go on below 512 bytes a second over 15 seconds, or past the limit: the transfer ends with the first byte too many.
// TLS is 1.2 or later, with certificate and host name checked. Always HTTP/1.1: requests depend on each other and gain nothing
// from streams in one connection.
//
// Errors: E1102 not reached or broken off, E1104 too slow, E1105 too long, E1106 a reply that is none. A status is no error here.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/store/store.h"

namespace acl::store {

struct HttpOptions {
  bool tls = true;  // else plain HTTP
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  const std::atomic<bool>* stop = nullptr;  // StoreOptions::stop
};

struct HttpRequest {
  std::string url;
  std::optional<std::string> body;   // sent with POST; without: GET
  std::vector<std::string> headers;  // "If-None-Match: \"abc\""
  std::uint64_t limit = 0;           // bytes of body taken with a status of 200
  Deadline deadline;
  std::string body_type = "application/json";  // of what is sent
};

struct HttpReply {
  int status = 0;
  std::string etag;
  std::string location;
  std::string body;  // of other statuses than 200 the first 4 KiB
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  Expected<HttpReply> perform(const HttpRequest& request);

 private:
  struct Connection;
  HttpOptions options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace acl::store
