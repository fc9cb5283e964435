#include "node/protocol/openid_message.h"

#include <fmt/format.h>

#include "node/protocol/coding.h"

namespace acl::node::protocol {
namespace {

constexpr std::uint8_t first_to_openid = 112;
constexpr std::uint8_t first_from_openid = 120;

// One list of fields for writing and for reading; M is const where they are written.
struct Fields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, Provider>) {
      io.text(m.issuer, longest_url, "issuer");
      io.text(m.device_authorization_endpoint, longest_url, "device authorization endpoint");
      io.text(m.token_endpoint, longest_url, "token endpoint");
      io.text(m.client_id, longest_text, "client id");
      io.text(m.client_secret, longest_text, "client secret");
      io.text(m.scope, longest_text, "scope");
      io.text(m.ca_file, longest_path, "CA file");
      io.text(m.prompt, longest_name, "prompt");
    } else if constexpr (std::is_same_v<T, Authorize>) {
      io.number(m.id);
      io.number(m.left_ms);
      io.number(m.max_age_s);
    } else if constexpr (std::is_same_v<T, Forget>) {
      io.number(m.id);
    } else if constexpr (std::is_same_v<T, UserCode>) {
      io.number(m.id);
      io.text(m.verification_uri, longest_url, "verification URI");
      io.text(m.verification_uri_complete, longest_url, "complete verification URI");
      io.text(m.user_code, longest_user_code, "user code");
      io.number(m.expires_s);
    } else if constexpr (std::is_same_v<T, IdToken>) {
      io.number(m.id);
      io.text(m.token, longest_token, "ID token");
    } else {
      static_assert(std::is_same_v<T, NotAuthorized>);
      io.number(m.id);
      io.text(m.words, longest_text, "words");
    }
  }
};

Judged broken(std::string fault) { return {Verdict::broken, std::move(fault)}; }

}  // namespace

Expected<Bytes> encode(const ToOpenid& message) { return encode_variant<Fields>(message, first_to_openid); }

Expected<ToOpenid> decode_to_openid(ByteView bytes) { return decode_variant<ToOpenid, Fields>(bytes, first_to_openid); }

Expected<Bytes> encode(const FromOpenid& message) { return encode_variant<Fields>(message, first_from_openid); }

Expected<FromOpenid> decode_from_openid(ByteView bytes) {
  return decode_variant<FromOpenid, Fields>(bytes, first_from_openid);
}

std::optional<std::uint64_t> Authorizations::begin() {
  if (open_.size() >= most_authorizations) return std::nullopt;
  open_.emplace(next_, false);
  return next_++;
}

Judged Authorizations::hear(const FromOpenid& message, std::int64_t now_ms) {
  const std::uint64_t id = std::visit([](const auto& m) { return m.id; }, message);
  if (id == 0 || id >= next_) return broken(fmt::format("an answer to {}, which was never asked", id));
  const auto at = open_.find(id);
  if (at == open_.end()) {
    if (now_ms - span_began_ms_ >= chatter_span_ms || now_ms < span_began_ms_) {
      span_began_ms_ = now_ms;
      late_ = 0;
    }
    if (++late_ > most_chatter) return broken(fmt::format("more than {} messages that nobody waits for", most_chatter));
    return {Verdict::late, {}};
  }
  if (!std::holds_alternative<UserCode>(message)) {
    open_.erase(at);
    return {};
  }
  if (std::exchange(at->second, true)) return broken("a second code for one authorization");
  return {};
}

Judged Asks::hear(const ToOpenid& message) {
  if (std::holds_alternative<Provider>(message)) {
    if (std::exchange(provided_, true)) return broken("a second provider");
    return {};
  }
  if (!provided_) return broken("a request before the provider");
  if (const auto* authorize = std::get_if<Authorize>(&message)) {
    if (authorize->id <= last_) return broken(fmt::format("number {} after {}", authorize->id, last_));
    if (open_.size() >= most_authorizations)
      return broken(fmt::format("more than {} authorizations at a time", most_authorizations));
    last_ = authorize->id;
    open_.insert(last_);
    return {};
  }
  const std::uint64_t id = std::get<Forget>(message).id;
  if (id == 0 || id > last_) return broken(fmt::format("{} is forgotten, which was never asked", id));
  return {open_.erase(id) == 1 ? Verdict::take : Verdict::late, {}};
}

}  // namespace acl::node::protocol
