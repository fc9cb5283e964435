// The messages about `check`, of all four directions, and what an OpenID provider answers. The first byte says which.
//
// Nothing crashes or overreads; what decodes is written alike again; what is judged broken has words; what a provider says to be shown is printable
// and within its bounds.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "node/net/device_reply.h"
#include "node/protocol/openid_message.h"
#include "node/protocol/verify_message.h"

namespace {

using namespace acl::node;  // NOLINT(google-build-using-namespace): a program of one file
using protocol::ByteView;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "check_fuzz: %s\n", what);
  std::abort();
}

void require_same(ByteView again, ByteView bytes) {
  require(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()),
          "a message that is written otherwise than it was read");
}

void read_openid(ByteView bytes) {
  protocol::Authorizations ours;
  ours.begin();
  ours.begin();
  if (const auto message = protocol::decode_from_openid(bytes)) {
    require_same(*protocol::encode(*message), bytes);
    const auto judged = ours.hear(*message, 0);
    require((judged.verdict == protocol::Verdict::broken) == !judged.fault.empty(), "a fault without words");
    require(judged.verdict != protocol::Verdict::take || ours.open() >= 1, "more ended than there were");
  }
  protocol::Asks asks;
  asks.hear(protocol::Provider{});
  if (const auto message = protocol::decode_to_openid(bytes)) {
    require_same(*protocol::encode(*message), bytes);
    const auto judged = asks.hear(*message);
    require((judged.verdict == protocol::Verdict::broken) == !judged.fault.empty(), "a fault without words");
  }
}

void read_provider(int status, const std::string& body) {
  const auto shown = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  };
  if (const auto read = net::read_device_authorization(status, body)) {
    require(shown(read->verification_uri) && read->verification_uri.starts_with("https://"),
            "an address of another kind");
    require(shown(read->verification_uri_complete) && shown(read->user_code), "what cannot be shown");
    require(read->interval_s >= 1 && read->interval_s <= 60 && read->expires_s <= 3600, "a time out of its bounds");
    require(protocol::encode(
                protocol::FromOpenid{protocol::UserCode{1, read->verification_uri, read->verification_uri_complete,
                                                        read->user_code, read->expires_s}})
                .has_value(),
            "what does not fit into its message");
  }
  if (const auto read = net::read_discovery(status, body, "https://i"))
    require(read->token.starts_with("https://") && read->device_authorization.starts_with("https://"),
            "an endpoint without TLS");
  const net::TokenReply reply = net::read_token_reply(status, body);
  if (reply.state == net::TokenReply::State::token)
    require(protocol::encode(protocol::FromOpenid{protocol::IdToken{1, reply.text}}).has_value(),
            "a token that cannot be handed on");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView bytes(data + 1, size - 1);
  if (data[0] >= 2) {
    read_provider(data[0] % 2 == 0 ? 200 : 400, std::string(bytes.begin(), bytes.end()));
    return 0;
  }
  if (data[0] == 0) {
    read_openid(bytes);
    return 0;
  }
  if (const auto question = protocol::decode_verify_question(bytes)) require_same(*protocol::encode(*question), bytes);
  if (const auto answer = protocol::decode_verify_answer(bytes)) require_same(protocol::encode(*answer), bytes);
  return 0;
}
