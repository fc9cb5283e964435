#include "node/protocol/login_conversation.h"

#include <fmt/format.h>

namespace acl::node::protocol {
namespace {

Judged broken(std::string fault) { return {Verdict::broken, std::move(fault)}; }

}  // namespace

Judged ChallengeState::hear(std::uint32_t request, std::optional<std::uint32_t> asked) {
  if (!asked || request != *asked || !wanted_) return broken("an answer to a check that nobody waits for");
  if (++answers_ > most_check_answers) return broken(fmt::format("more than {} answers to checks", most_check_answers));
  wanted_ = false;
  return {};
}

// --- aclnode-ssh, as aclnode-session sees it -------------------------------------------------------------------------------

Judged SshStates::hear_login(const Login& login) {
  if (accepted_) return broken("a login after one was accepted");
  if (asked_) return broken("a login while another one is asked for");
  if (login.request <= last_request_) return broken(fmt::format("request {} after {}", login.request, last_request_));
  if (++logins_ > most_logins) return broken(fmt::format("more than {} logins", most_logins));
  last_request_ = login_request_ = login.request;
  asked_ = true;
  return {};
}

Judged SshStates::hear_sign(const Sign& sign) {
  if (sign.request <= last_request_) return broken(fmt::format("request {} after {}", sign.request, last_request_));
  if (++signs_ > (accepted_ ? most_signs : most_signs_before)) return broken("too much to sign");
  last_request_ = sign.request;
  return {};
}

Judged SshStates::open(std::uint32_t channel, bool forward) {
  const std::size_t most = forward ? most_forwards : most_sessions;
  if (channel < next_channel_) return broken(fmt::format("channel {} again", channel));
  if ((forward ? forwards_ : channels_.size() - forwards_) >= most)
    return broken(fmt::format("more than {} {} at a time", most, forward ? "connections" : "sessions"));
  if (channel == UINT32_MAX) return broken("the last channel there is");
  next_channel_ = channel + 1;
  channels_.emplace(channel, forward);
  forwards_ += forward ? 1 : 0;
  return {};
}

Judged SshStates::hear_channel(const FromSsh& message) {
  if (const auto* channel = std::get_if<OpenChannel>(&message)) {
    for (const auto& listener : {channel->agent, channel->display})
      if (listener && *listener >= next_listener_)
        return broken(fmt::format("listener {}, which was never there", *listener));
    return open(channel->channel, false);
  }
  if (const auto* connect = std::get_if<Connect>(&message)) return open(connect->channel, true);
  if (const auto* connect = std::get_if<ConnectPath>(&message)) return open(connect->channel, true);
  const auto* closed = std::get_if<Closed>(&message);
  const auto* resize = std::get_if<Resize>(&message);
  const std::uint32_t number = closed != nullptr   ? closed->channel
                               : resize != nullptr ? resize->channel
                                                   : std::get<Signal>(message).channel;
  if (number >= next_channel_) return broken(fmt::format("channel {}, which was never open", number));
  const auto at = channels_.find(number);
  if (at == channels_.end()) return {Verdict::late, {}};
  if (closed != nullptr) {
    forwards_ -= at->second ? 1 : 0;
    channels_.erase(at);
  }
  return {};
}

Judged SshStates::hear_forwarding(const FromSsh& message) {
  if (const auto* listen = std::get_if<Listen>(&message)) {
    if (listen->listener < next_listener_) return broken(fmt::format("listener {} again", listen->listener));
    if (listeners_.size() >= most_listeners)
      return broken(fmt::format("more than {} listeners at a time", most_listeners));
    if (listen->listener == UINT32_MAX) return broken("the last listener there is");
    next_listener_ = listen->listener + 1;
    listeners_.insert(listen->listener);
    return {};
  }
  if (const auto* unlisten = std::get_if<Unlisten>(&message)) {
    if (listeners_.erase(unlisten->listener) == 1) return {};
    return broken(fmt::format("listener {}, which is not there", unlisten->listener));
  }
  if (untaken_ == 0) return broken("more taken than was handed over");
  --untaken_;
  return {};
}

Judged SshStates::hear(const FromSsh& message) {
  if (over_) return broken("a message after the last");
  if (const auto* login = std::get_if<Login>(&message)) return hear_login(*login);
  if (const auto* sign = std::get_if<Sign>(&message)) return hear_sign(*sign);
  if (std::holds_alternative<Over>(message)) {
    over_ = true;
    return {};
  }
  if (const auto* answer = std::get_if<ChallengeAnswer>(&message))
    return challenge_.hear(answer->request, asked_ ? std::optional(login_request_) : std::nullopt);
  if (!accepted_) return broken("a channel before the login");
  const bool listens = std::holds_alternative<Listen>(message) || std::holds_alternative<Unlisten>(message) ||
                       std::holds_alternative<Taken>(message);
  return listens ? hear_forwarding(message) : hear_channel(message);
}

void SshStates::answered(bool accept) {
  asked_ = false;
  challenge_.over();
  accepted_ = accepted_ || accept;
}

void SshStates::challenged(bool asks) { challenge_.challenged(asks && asked_); }

// --- aclnode-session, as aclnode sees it ------------------------------------------------------------------------------------

Judged SessionStates::hear(const FromSession& message) {
  if (over_) return broken("a message after the last");
  if (std::holds_alternative<SessionOver>(message)) {
    over_ = true;
    return {};
  }
  if (const auto* resume = std::get_if<Resume>(&message)) {
    if (!resuming_ || accepted_) return broken("a resume where none is awaited");
    accepted_ = logged_in_ = true;
    user_ = resume->user;
    return {};
  }
  if (resuming_) return broken("another message where a resume is awaited");
  if (const auto* may = std::get_if<May>(&message)) {
    if (accepted_ || asked_) return broken("a question where none is awaited");
    if (may->request <= last_request_) return broken(fmt::format("request {} after {}", may->request, last_request_));
    if (++asks_ > most_logins) return broken(fmt::format("more than {} logins", most_logins));
    last_request_ = may->request;
    user_ = may->user;
    asked_ = true;
    return {};
  }
  if (const auto* answer = std::get_if<SessionAnswer>(&message))
    return challenge_.hear(answer->request, asked_ ? std::optional(last_request_) : std::nullopt);
  if (std::holds_alternative<Recording>(message) || std::holds_alternative<NotRecorded>(message)) {
    if (!accepted_) return broken("a recording before a login was accepted");
    return {};
  }
  const auto& logged_in = std::get<LoggedIn>(message);
  if (!accepted_ || logged_in_ || logged_in.user != user_) return broken("a login that was not accepted");
  logged_in_ = true;
  return {};
}

void SessionStates::answered(bool accept) {
  asked_ = false;
  challenge_.over();
  accepted_ = accepted_ || accept;
}

void SessionStates::challenged(bool asks) { challenge_.challenged(asks && asked_); }

}  // namespace acl::node::protocol
