#include "node/net/device_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "engine/release/base64.h"
#include "engine/store/http.h"

namespace acl::node::net {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t longest_reply = 65'536;
constexpr seconds request_patience{15};
constexpr seconds longest_interval{60};
constexpr std::string_view grant = "urn:ietf:params:oauth:grant-type:device_code";

using Form = std::vector<std::pair<std::string_view, std::string_view>>;

std::string encoded(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (value.empty()) continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, form_encoded(value));
  }
  return out;
}

class Flow {
 public:
  Flow(const protocol::Provider& provider, std::uint32_t max_age_s, Clock::time_point deadline, Stop& stop)
      : provider_(provider),
        max_age_(max_age_s == 0 ? "" : std::to_string(max_age_s)),
        deadline_(deadline),
        stop_(stop),
        client_(options(provider, stop)) {}

  Expected<std::string> run(const std::function<void(const DeviceAuthorization&)>& show) {
    const auto endpoints = find_endpoints();
    if (!endpoints) return tl::unexpected(endpoints.error());
    const auto asked = post(endpoints->device_authorization, {{"client_id", provider_.client_id},
                                                              {"scope", provider_.scope},
                                                              {"max_age", max_age_},
                                                              {"prompt", provider_.prompt}});
    if (!asked) return tl::unexpected(asked.error());
    const auto authorization = read_device_authorization(asked->status, asked->body);
    if (!authorization) return tl::unexpected(authorization.error());
    show(*authorization);
    return wait_for_token(endpoints->token, *authorization);
  }

 private:
  static store::HttpOptions options(const protocol::Provider& provider, const Stop& stop) {
    store::HttpOptions out;
    out.ca_file = provider.ca_file;
    out.stop = stop.flag();
    return out;
  }

  Expected<Endpoints> find_endpoints() {
    if (!provider_.token_endpoint.empty() && !provider_.device_authorization_endpoint.empty())
      return Endpoints{provider_.device_authorization_endpoint, provider_.token_endpoint};
    std::string_view base = provider_.issuer;
    while (base.ends_with('/')) base.remove_suffix(1);
    auto reply = ask(fmt::format("{}/.well-known/openid-configuration", base), std::nullopt);
    if (!reply) return tl::unexpected(reply.error());
    return read_discovery(reply->status, reply->body, provider_.issuer);
  }

  Expected<std::string> wait_for_token(const std::string& endpoint, const DeviceAuthorization& authorization) {
    using State = TokenReply::State;
    const auto until = std::min(deadline_, Clock::now() + seconds(authorization.expires_s));
    seconds interval(authorization.interval_s);
    for (;;) {
      const auto next = Clock::now() + interval;
      if (stop_.wait_until(std::min(next, until))) return fail(Code::E1435, "it was broken off");
      if (next > until) return fail(Code::E1435, "the code was not entered in time");
      const auto reply =
          post(endpoint,
               {{"grant_type", grant}, {"device_code", authorization.device_code}, {"client_id", provider_.client_id}});
      if (!reply) {
        interval = std::min(interval * 2, longest_interval);
        continue;
      }
      TokenReply read = read_token_reply(reply->status, reply->body);
      if (read.state == State::token) return std::move(read.text);
      if (read.state == State::failed) return fail(Code::E1435, std::move(read.text));
      if (read.state == State::slow_down) interval = std::min(interval + seconds(5), longest_interval);
    }
  }

  Expected<store::HttpReply> post(const std::string& url, const Form& form) { return ask(url, encoded(form)); }

  Expected<store::HttpReply> ask(const std::string& url, std::optional<std::string> body) {
    store::HttpRequest request;
    request.url = url;
    request.headers = {"Accept: application/json"};
    // RFC 6749 section 2.3.1.
    if (body && !provider_.client_secret.empty()) {
      const std::string pair = form_encoded(provider_.client_id) + ':' + form_encoded(provider_.client_secret);
      request.headers.push_back(
          "Authorization: Basic " +
          release::encode_base64({reinterpret_cast<const std::uint8_t*>(pair.data()), pair.size()}));
    }
    request.body = std::move(body);
    request.body_type = "application/x-www-form-urlencoded";
    request.limit = longest_reply;
    request.deadline = std::min(deadline_, Clock::now() + request_patience);
    return client_.perform(request);
  }

  const protocol::Provider& provider_;
  const std::string max_age_;  // empty: left out
  const Clock::time_point deadline_;
  Stop& stop_;
  store::HttpClient client_;
};

}  // namespace

void Stop::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

bool Stop::wait_until(Clock::time_point then) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, then, [this] { return asked_.load(); });
}

Expected<std::string> authorize_device(const protocol::Provider& provider, std::uint32_t max_age_s,
                                       Clock::time_point deadline, Stop& stop,
                                       const std::function<void(const DeviceAuthorization&)>& show) {
  return Flow(provider, max_age_s, deadline, stop).run(show);
}

}  // namespace acl::node::net
