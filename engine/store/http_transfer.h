// One transfer of libcurl's, set up as http.h promises; for http.cc and http_stream.cc alone.
#pragma once

#include <curl/curl.h>
#include <signal.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/store/http.h"
#include "engine/store/http_head.h"

namespace acl::store {

// Called once before anything else of libcurl. A failure (no memory) shows as a handle that cannot be made.
void start_curl();

// Writing to a connection that the other side closed raises SIGPIPE, of which OpenSSL cannot be told to keep quiet. Held back
// while this lives, and taken away if it came meanwhile; the process's own handling is not touched.
class SigpipeHeld {
 public:
  SigpipeHeld() noexcept;
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;
  ~SigpipeHeld();

 private:
  sigset_t before_{};
  bool was_pending_ = false;
};

// Lines of a request's head.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }
  void add(const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list_, line.c_str())) list_ = longer;
  }
  [[nodiscard]] curl_slist* get() const noexcept { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

enum class Stop : std::uint8_t { none, too_long, bad_head, encoded, enough };

// What libcurl's callbacks write to; its address must not change during the transfer.
struct Transfer {
  HttpHead head;
  Stop stop = Stop::none;
  char error[CURL_ERROR_SIZE] = {};
  HeaderList headers;
};

// Everything but the body's callback. The request and the transfer must outlive the transfer.
void set_up(CURL* easy, const HttpOptions& options, const HttpRequest& request, Transfer& transfer);

// What a transfer that failed is called. `result` is libcurl's.
Diagnostic transfer_error(CURLcode result, const HttpRequest& request, const Transfer& transfer);

}  // namespace acl::store
