#include "engine/store/http.h"

#include <fmt/format.h>

#include "engine/release/text.h"
#include "engine/store/http_transfer.h"

namespace acl::store {

using release::quoted;
namespace {

constexpr std::size_t longest_error_body = 4096;

struct Body {
  Transfer transfer;
  std::uint64_t limit = 0;
  std::string bytes;
};

std::size_t on_body(char* data, std::size_t one, std::size_t size, void* user) {
  auto& body = *static_cast<Body*>(user);
  Transfer& transfer = body.transfer;
  size *= one;
  const bool good = transfer.head.status == 200;
  if (good && transfer.head.encoded) {
    transfer.stop = Stop::encoded;
    return 0;
  }
  const std::uint64_t limit = good ? body.limit : longest_error_body;
  // A length that is claimed beyond the limit needs no reading on; one within it is no reason to reserve anything.
  if (size > limit - body.bytes.size() || (good && transfer.head.length && *transfer.head.length > limit)) {
    transfer.stop = good ? Stop::too_long : Stop::enough;
    return 0;
  }
  body.bytes.append(data, size);
  return size;
}

}  // namespace

struct HttpClient::Connection {
  CURL* easy = curl_easy_init();
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    const SigpipeHeld held;  // TLS says goodbye
    curl_easy_cleanup(easy);
  }
};

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) {
  start_curl();
  connection_ = std::make_unique<Connection>();
}

HttpClient::~HttpClient() = default;

Expected<HttpReply> HttpClient::perform(const HttpRequest& request) {
  CURL* const easy = connection_->easy;
  if (easy == nullptr) return fail(Code::E1102, "libcurl cannot be used: no memory");
  if (request.deadline <= std::chrono::steady_clock::now()) {
    return fail(Code::E1104, fmt::format("{} was not asked: its time had passed", quoted(request.url)));
  }
  Body body;
  body.limit = request.limit;
  set_up(easy, options_, request, body.transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 512L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, 15L);
  CURLcode result = CURLE_OK;
  {
    const SigpipeHeld held;
    result = curl_easy_perform(easy);
  }
  // They point into what ends here.
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
  if (result != CURLE_OK && body.transfer.stop != Stop::enough) {
    return tl::unexpected(transfer_error(result, request, body.transfer));
  }
  const HttpHead& head = body.transfer.head;
  return HttpReply{head.status, head.etag, head.location, std::move(body.bytes)};
}

}  // namespace acl::store
