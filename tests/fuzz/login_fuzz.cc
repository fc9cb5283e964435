// What aclnode-ssh, which a stranger may have taken over, may say to aclnode-session, and aclnode-session to aclnode: conversations of any
// bytes. Each message is a length of two bytes and as many bytes; a length of zero is the answer of our own side: the byte after it says yes or
// no to what is asked, if anything is; from 2 on it is a challenge to it.
//
// Nothing crashes or overreads; what decodes is written alike again; and of what the states let through: before a login is accepted only
// questions, one at a time, few of them, a few answers to challenges, one to each, and a few signatures of hashes' lengths; afterwards no account but the accepted one, and a bounded
// number of channels, each number once.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "node/protocol/login_conversation.h"

namespace {

using namespace acl::node::protocol;  // NOLINT(google-build-using-namespace): a program of one file

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "login_fuzz: %s\n", what);
  std::abort();
}

template <class Message>
void require_same(const Message& message, ByteView bytes) {
  const auto again = encode(message);
  require(again && again->size() == bytes.size() && std::equal(again->begin(), again->end(), bytes.begin()),
          "a message that is written otherwise than it was read");
}

class Ssh {
 public:
  void answer(bool yes) {
    if (!asked_) return;
    asked_ = challenged_ = false;
    accepted_ = accepted_ || yes;
    states_.answered(yes);
    require(states_.accepted() == accepted_, "another state than was answered");
  }
  void challenge() {
    states_.challenged(true);
    challenged_ = asked_;
  }
  // Whether it goes on.
  bool say(ByteView bytes) {
    const auto message = decode_from_ssh(bytes);
    if (!message) return false;
    require_same(*message, bytes);
    const Judged judged = states_.hear(*message);
    require((judged.verdict == Verdict::broken) == !judged.fault.empty(),
            "a fault without words, or words without one");
    if (judged.verdict == Verdict::take) taken(*message);
    return judged.verdict != Verdict::broken;
  }

 private:
  void open(std::uint32_t channel) {
    require(open_.insert(channel).second, "a channel opened twice");
    require(open_.size() <= most_channels, "more channels than there may be");
    require(channels_ == 0 || channel > last_channel_, "the number of a channel used again");
    last_channel_ = channel;
    ++channels_;
  }
  void taken(const FromSsh& message) {
    require(!over_, "a message after the last");
    if (const auto* sign = std::get_if<Sign>(&message)) {
      require(sign->data.size() <= longest_to_sign, "more to sign than a hash");
      if (!accepted_) require(++signs_ <= most_signs_before, "too much signed before the login");
    } else if (const auto* login = std::get_if<Login>(&message)) {
      require(!asked_ && !accepted_, "a login that nobody waits for");
      require(++logins_ <= most_logins, "more logins than there may be");
      require(login->user.size() <= longest_account && login->user.find('\0') == std::string::npos, "no name");
      asked_ = true;
    } else if (std::holds_alternative<Over>(message)) {
      over_ = true;
    } else if (const auto* answer = std::get_if<ChallengeAnswer>(&message)) {
      require(asked_ && std::exchange(challenged_, false), "an answer that nobody waits for");
      require(++answers_ <= most_check_answers && answer->text.size() <= longest_check_answer, "too much of answers");
    } else {
      require(accepted_, "something before the login");
      if (const auto* wanted = std::get_if<OpenChannel>(&message)) open(wanted->channel);
      if (const auto* wanted = std::get_if<Connect>(&message)) open(wanted->channel);
      if (const auto* wanted = std::get_if<ConnectPath>(&message)) open(wanted->channel);
      if (const auto* wanted = std::get_if<Listen>(&message)) {
        require(listeners_.insert(wanted->listener).second, "a listener asked for twice");
        require(listeners_.size() <= most_listeners, "more listeners than there may be");
        require(wanted->path.size() <= longest_socket_path, "a path that no socket has");
      }
      if (const auto* unlisten = std::get_if<Unlisten>(&message))
        require(listeners_.erase(unlisten->listener) == 1, "a listener given up that is not there");
      require(!std::holds_alternative<Taken>(message), "taken without anything handed over");
      if (const auto* closed = std::get_if<Closed>(&message))
        require(open_.erase(closed->channel) == 1, "a channel closed that is not open");
      if (const auto* signal = std::get_if<Signal>(&message))
        require(open_.count(signal->channel) == 1, "a signal to a channel that is not open");
    }
  }

  SshStates states_;
  bool asked_ = false, challenged_ = false, accepted_ = false, over_ = false;
  unsigned logins_ = 0, signs_ = 0, answers_ = 0;
  std::set<std::uint32_t> open_, listeners_;
  std::uint32_t last_channel_ = 0;
  std::size_t channels_ = 0;
};

class Session {
 public:
  explicit Session(SessionStates::Start start) : states_(start), resumed_(start == SessionStates::Start::resumed) {}
  void answer(bool yes) {
    if (!asked_) return;
    asked_ = challenged_ = false;
    if (yes) accepted_ = user_;
    states_.answered(yes);
  }
  void challenge() {
    states_.challenged(true);
    challenged_ = asked_;
  }
  bool say(ByteView bytes) {
    const auto message = decode_from_session(bytes);
    if (!message) return false;
    require_same(*message, bytes);
    const Judged judged = states_.hear(*message);
    require((judged.verdict == Verdict::broken) == !judged.fault.empty(),
            "a fault without words, or words without one");
    if (judged.verdict == Verdict::take) taken(*message);
    return judged.verdict != Verdict::broken;
  }

 private:
  void taken(const FromSession& message) {
    if (const auto* may = std::get_if<May>(&message)) {
      require(!asked_ && !accepted_ && !resumed_, "a question that nobody waits for");
      require(++asks_ <= most_logins, "more questions than there may be");
      user_ = may->user;
      asked_ = true;
    }
    if (const auto* in = std::get_if<LoggedIn>(&message))
      require(accepted_ && *accepted_ == in->user && !std::exchange(logged_in_, true), "a login that was not accepted");
    if (const auto* resume = std::get_if<Resume>(&message)) {
      require(resumed_ && !std::exchange(logged_in_, true), "a resume where none is awaited");
      require(resume->source.address.size() == 4 || resume->source.address.size() == 16, "no address");
      accepted_ = resume->user;
    }
    if (std::holds_alternative<SessionAnswer>(message))
      require(asked_ && std::exchange(challenged_, false) && ++answers_ <= most_check_answers,
              "an answer that nobody waits for");
    require(states_.logged_in() == logged_in_, "another state than was said");
  }

  SessionStates states_;
  bool resumed_ = false, asked_ = false, challenged_ = false, logged_in_ = false;
  std::optional<std::string> accepted_;
  std::string user_;
  unsigned asks_ = 0, answers_ = 0;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView left(data, size);
  Ssh ssh;
  Session fresh(SessionStates::Start::fresh), resumed(SessionStates::Start::resumed);
  bool ssh_speaks = true, fresh_speaks = true, resumed_speaks = true;
  while (left.size() >= 3 && (ssh_speaks || fresh_speaks || resumed_speaks)) {
    const std::size_t length = left[0] + std::size_t{left[1]} * 256;
    left = left.subspan(2);
    if (length == 0) {
      const bool yes = left[0] % 2 == 1;
      if (left[0] >= 2) {
        ssh.challenge();
        fresh.challenge();
        resumed.challenge();
        left = left.subspan(1);
        continue;
      }
      if (ssh_speaks) ssh.answer(yes);
      if (fresh_speaks) fresh.answer(yes);
      left = left.subspan(1);
      continue;
    }
    const ByteView message = left.first(std::min(length, left.size()));
    left = left.subspan(message.size());
    // Copied, so that a read beyond the message is a read beyond an allocation.
    const Bytes bytes(message.begin(), message.end());
    ssh_speaks = ssh_speaks && ssh.say(bytes);
    fresh_speaks = fresh_speaks && fresh.say(bytes);
    resumed_speaks = resumed_speaks && resumed.say(bytes);
    if (const auto read = decode_to_ssh(bytes)) require_same(*read, bytes);
    if (const auto read = decode_to_session(bytes)) require_same(*read, bytes);
  }
  return 0;
}
