#include "engine/store/https.h"

#include <fmt/format.h>

#include "engine/release/text.h"
#include "engine/store/object.h"
#include "engine/store/watch_timer.h"

namespace acl::store {

using release::quoted;
namespace {

class IntervalWatch final : public LatestWatch {
 public:
  explicit IntervalWatch(std::chrono::milliseconds interval) : timer_(interval) {}
  [[nodiscard]] int fd() const noexcept override { return timer_.fd(); }
  bool step() override { return timer_.due(); }
  [[nodiscard]] const WatchTimer& timer() const noexcept { return timer_; }

 private:
  WatchTimer timer_;
};

class HttpsSource final : public Source {
 public:
  HttpsSource(std::string name, std::string base, HttpOptions http, std::chrono::milliseconds interval)
      : name_(std::move(name)), base_(std::move(base)), client_(std::move(http)), interval_(interval) {}

  Expected<Fetched> get(std::string_view object, std::uint64_t limit, Deadline deadline,
                        std::string_view known) override;
  Expected<std::unique_ptr<LatestWatch>> watch() override {
    auto made = std::make_unique<IntervalWatch>(interval_);
    if (made->fd() < 0) return tl::unexpected(made->timer().trouble());
    return made;
  }
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }

 private:
  std::string name_;
  std::string base_;
  HttpClient client_;
  std::chrono::milliseconds interval_;
};

Expected<Fetched> HttpsSource::get(std::string_view object, std::uint64_t limit, Deadline deadline,
                                   std::string_view known) {
  if (auto valid = require_name(object); !valid) return tl::unexpected(valid.error());
  HttpRequest request{fmt::format("{}/{}", base_, object), std::nullopt, {}, limit, deadline};
  if (!known.empty()) request.headers.push_back(fmt::format("If-None-Match: {}", known));
  auto reply = client_.perform(request);
  if (!reply) return tl::unexpected(reply.error());
  switch (reply->status) {
    case 200: return Fetched{Fetched::State::found, std::move(reply->body), std::move(reply->etag)};
    case 304:
      if (!known.empty()) return Fetched{Fetched::State::unchanged, {}, std::string(known)};
      break;
    case 404:
    case 410: return Fetched{Fetched::State::absent, {}, {}};
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return fail(
          Code::E1103,
          fmt::format("{} redirects to {}, which is not followed", quoted(request.url), quoted(reply->location)),
          "if that is the right place, name it as the store");
    default: break;
  }
  return fail(Code::E1103, fmt::format("{} answers with status {}", quoted(request.url), reply->status),
              "the server must serve the folder's files as they are, to anybody who may reach it");
}

}  // namespace

std::unique_ptr<Source> make_https_source(std::string name, std::string base, HttpOptions http,
                                          std::chrono::milliseconds interval) {
  return std::make_unique<HttpsSource>(std::move(name), std::move(base), std::move(http), interval);
}

}  // namespace acl::store
