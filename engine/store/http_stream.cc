#include "engine/store/http_stream.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "engine/store/http_transfer.h"
#include "engine/store/watch_timer.h"

namespace acl::store {

// libcurl tells which sockets it waits for and until when; both become readable on one epoll descriptor.
struct HttpStream::Machine {
  explicit Machine(HttpOptions given);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  void stop();
  void watch_socket(curl_socket_t socket, int what);
  std::optional<Ended> finished();

  HttpOptions options;
  int epoll = -1;
  Alarm alarm;
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  bool running = false;
  HttpRequest request;
  Receive receive;
  std::unique_ptr<Transfer> transfer;
};

namespace {

std::size_t on_piece(char* data, std::size_t one, std::size_t size, void* user) {
  auto& machine = *static_cast<HttpStream::Receive*>(user);
  return machine(0, std::string_view(data, one * size)) ? one * size : 0;
}

}  // namespace

HttpStream::Machine::Machine(HttpOptions given) : options(std::move(given)) {
  start_curl();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  multi = curl_multi_init();
  easy = curl_easy_init();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = alarm.fd();
  const bool usable = epoll >= 0 && multi != nullptr && easy != nullptr && alarm.fd() >= 0 &&
                      epoll_ctl(epoll, EPOLL_CTL_ADD, alarm.fd(), &event) == 0;
  if (!usable) {
    if (epoll >= 0) close(epoll);
    epoll = -1;
    return;
  }
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(
      multi, CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t socket, int what, void* self, void*) {
        static_cast<Machine*>(self)->watch_socket(socket, what);
        return 0;
      });
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(
      multi, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long delay_ms, void* self) {
        static_cast<Machine*>(self)->alarm.set(std::chrono::milliseconds(delay_ms));
        return 0;
      });
}

HttpStream::Machine::~Machine() {
  stop();
  const SigpipeHeld held;
  if (easy != nullptr) curl_easy_cleanup(easy);
  if (multi != nullptr) curl_multi_cleanup(multi);
  if (epoll >= 0) close(epoll);
}

void HttpStream::Machine::stop() {
  if (!running) return;
  const SigpipeHeld held;
  curl_multi_remove_handle(multi, easy);
  curl_easy_reset(easy);
  running = false;
}

void HttpStream::Machine::watch_socket(curl_socket_t socket, int what) {
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
    return;
  }
  epoll_event event{};
  event.data.fd = socket;
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event) != 0) epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

std::optional<HttpStream::Ended> HttpStream::Machine::finished() {
  int more = 0;
  const CURLMsg* message = curl_multi_info_read(multi, &more);
  if (message == nullptr || message->msg != CURLMSG_DONE) return std::nullopt;
  const CURLcode result = message->data.result;
  Ended ended{transfer->head.status, std::nullopt};
  if (result == CURLE_WRITE_ERROR && transfer->stop == Stop::none) transfer->stop = Stop::too_long;
  if (result != CURLE_OK) ended.diagnostic = transfer_error(result, request, *transfer);
  stop();
  return ended;
}

HttpStream::HttpStream(HttpOptions options) : machine_(std::make_unique<Machine>(std::move(options))) {}

HttpStream::~HttpStream() = default;

int HttpStream::fd() const noexcept { return machine_->epoll; }

bool HttpStream::running() const noexcept { return machine_->running; }

void HttpStream::start(HttpRequest request, Receive receive) {
  Machine& machine = *machine_;
  if (machine.epoll < 0) return;
  machine.stop();
  machine.request = std::move(request);
  machine.transfer = std::make_unique<Transfer>();
  machine.receive = [&machine, receive = std::move(receive)](int, std::string_view piece) {
    if (machine.transfer->head.encoded) {
      machine.transfer->stop = Stop::encoded;
      return false;
    }
    return receive(machine.transfer->head.status, piece);
  };
  CURL* const easy = machine.easy;
  set_up(easy, machine.options, machine.request, *machine.transfer);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_piece);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &machine.receive);
  machine.running = curl_multi_add_handle(machine.multi, easy) == CURLM_OK;
}

std::optional<HttpStream::Ended> HttpStream::step() {
  Machine& machine = *machine_;
  if (!machine.running) return std::nullopt;
  const SigpipeHeld held;
  int handles = 0;
  if (machine.alarm.rang()) curl_multi_socket_action(machine.multi, CURL_SOCKET_TIMEOUT, 0, &handles);
  std::array<epoll_event, 8> events{};
  const int count = epoll_wait(machine.epoll, events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == machine.alarm.fd()) continue;
    int what = 0;
    if ((event.events & EPOLLIN) != 0) what |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) what |= CURL_CSELECT_ERR;
    curl_multi_socket_action(machine.multi, event.data.fd, what, &handles);
  }
  return machine.finished();
}

void HttpStream::stop() { machine_->stop(); }

}  // namespace acl::store
