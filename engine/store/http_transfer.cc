#include "engine/store/http_transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>

#include "engine/release/text.h"

namespace acl::store {

using release::quoted;
namespace {

constexpr long connect_patience_ms = 10'000;

std::size_t on_header(char* data, std::size_t one, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!read_head_line(transfer.head, std::string_view(data, one * size))) {
    transfer.stop = Stop::bad_head;
    return 0;
  }
  return one * size;
}

// Called by libcurl as bytes move, and at least once a second.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(user)->load(std::memory_order_relaxed) ? 1 : 0;
}

void set_up_tls(CURL* easy, const HttpOptions& options) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!options.certificate_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, options.certificate_file.c_str());
  if (!options.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, options.key_file.c_str());
}

void set_up_refusals(CURL* easy, const HttpOptions& options) {
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, options.tls ? "https" : "http");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

}  // namespace

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

SigpipeHeld::SigpipeHeld() noexcept {
  sigset_t pending{};
  sigset_t pipe{};
  sigpending(&pending);
  was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before_);
}

SigpipeHeld::~SigpipeHeld() {
  if (!was_pending_) {
    sigset_t pipe{};
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    const timespec at_once{};
    while (sigtimedwait(&pipe, nullptr, &at_once) == SIGPIPE) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void set_up(CURL* easy, const HttpOptions& options, const HttpRequest& request, Transfer& transfer) {
  // Connections, the cache of names and TLS sessions stay.
  curl_easy_reset(easy);
  set_up_refusals(easy, options);
  if (options.tls) set_up_tls(easy, options);
  if (options.stop != nullptr) {
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(options.stop));
  }
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "aclc");
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  for (const std::string& header : request.headers) transfer.headers.add(header);
  if (request.body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body->data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    transfer.headers.add("Content-Type: " + request.body_type);
    // Without waiting a second for "100 Continue" before a long body.
    transfer.headers.add("Expect:");
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.get());

  // A name of a host costs nothing if it has an address of each family and one of them does not answer.
  curl_easy_setopt(easy, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, 200L);
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(request.deadline - std::chrono::steady_clock::now());
  // Zero would mean: no limit.
  const long left_ms = static_cast<long>(std::clamp<std::int64_t>(left.count(), 1, 86'400'000));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, std::min(left_ms, connect_patience_ms));
}

Diagnostic transfer_error(CURLcode result, const HttpRequest& request, const Transfer& transfer) {
  const std::string url = quoted(request.url);
  switch (transfer.stop) {
    case Stop::too_long:
      return make_diagnostic(Code::E1105, fmt::format("{} is longer than {} bytes", url, request.limit),
                             "the store gave more than can belong there; see whether it is the right one");
    case Stop::bad_head:
      return make_diagnostic(
          Code::E1106, fmt::format("{}: the reply's head is malformed or longer than {} bytes", url, http_head_limit),
          "see which server answers there");
    case Stop::encoded:
      return make_diagnostic(Code::E1106, fmt::format("{}: the reply is encoded, which was not asked for", url),
                             "switch off compression for this path in the server");
    case Stop::none:
    case Stop::enough: break;
  }
  const std::string why = transfer.error[0] != '\0' ? transfer.error : curl_easy_strerror(result);
  if (result == CURLE_OPERATION_TIMEDOUT) {
    return make_diagnostic(Code::E1104, fmt::format("{} took too long: {}", url, quoted(why)),
                           "the server or the way to it is slow; it will be tried again");
  }
  if (result == CURLE_ABORTED_BY_CALLBACK) return make_diagnostic(Code::E1102, fmt::format("{} was broken off", url));
  if (result == CURLE_PEER_FAILED_VERIFICATION) {
    return make_diagnostic(Code::E1102,
                           fmt::format("{}: the server's certificate is not believed: {}", url, quoted(why)),
                           "with a certification authority of your own, name its certificate with --ca FILE");
  }
  return make_diagnostic(Code::E1102, fmt::format("cannot reach {}: {}", url, quoted(why)),
                         "see that the server runs and that its address is right");
}

}  // namespace acl::store
