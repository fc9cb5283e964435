#include "node/daemon/verifier.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>

#include "node/protocol/channel.h"

namespace acl::node::daemon {
namespace {

using protocol::Received;
using protocol::Verified;

}  // namespace

Expected<Verifier> Verifier::start(const NetProgram& program, const protocol::VerifyQuestion& question,
                                   std::int64_t now_ms) {
  const auto* signature = std::get_if<protocol::SignatureToVerify>(&question);
  const Code refusal = signature != nullptr ? Code::E1432 : Code::E1433;
  const auto message = protocol::encode(question);
  if (!message) return fail(refusal, message.error().message);
  NetProgram verify = program;
  verify.mode = "verify";
  auto process = NetProcess::start(verify);
  if (!process) return fail(Code::E1431, process.error().message);
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  // Goes into an empty socket; it may be more than the kernel keeps for one, if that was made small.
  if (!epoll || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, process->socket(), &event) != 0 ||
      protocol::send_message(process->socket(), *message, protocol::Wait::no) != protocol::Sent::sent) {
    process->kill();
    return fail(Code::E1431, fmt::format("{} bytes could not be handed over", message->size()));
  }
  return Verifier(std::move(*process), std::move(epoll), refusal, signature != nullptr ? signature->keys.size() : 1,
                  now_ms + patience_ms);
}

Expected<Verified> Verifier::broken(std::string words) {
  process_.kill();
  return fail(Code::E1431, std::move(words));
}

Expected<Verified> Verifier::judge(protocol::ByteView bytes) {
  const auto answer = protocol::decode_verify_answer(bytes);
  if (!answer) return broken(answer.error().message);
  process_.kill();
  if (const auto* refused = std::get_if<protocol::NotVerified>(&*answer))
    return fail(refusal_, protocol::shown(refused->words));
  const auto& verified = std::get<Verified>(*answer);
  if (verified.key >= keys_) return fail(Code::E1431, "its answer names a key that there is not");
  return verified;
}

std::optional<Expected<Verified>> Verifier::step(std::int64_t now_ms) {
  std::array<std::uint8_t, 1024> buffer{};
  const Received received = closed_ ? Received{} : protocol::receive_message(process_.socket(), buffer);
  switch (received.state) {
    case Received::State::message: return judge(received.message);
    case Received::State::too_long: return broken("its answer is too long");
    case Received::State::closed: {
      closed_ = true;
      epoll_event event{};
      event.events = EPOLLIN;
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, process_.socket(), nullptr) != 0 ||
          epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, process_.pidfd(), &event) != 0)
        return broken("it ended without an answer");
      break;
    }
    case Received::State::nothing: break;
  }
  if (closed_) {
    if (const auto how = process_.ended()) return broken(*how);
  }
  if (now_ms < deadline_ms_) return std::nullopt;
  return broken(fmt::format("there was no answer within {} s", patience_ms / 1000));
}

}  // namespace acl::node::daemon
