#include "node/ssh/login.h"

#include <string_view>
#include <utility>

namespace acl::node::ssh {
namespace {

using protocol::Method;

constexpr std::string_view authentication = "ssh-userauth";
constexpr std::string_view connection = "ssh-connection";

// What aclnode-session can be asked for; another name is nobody's here.
bool can_be_asked(std::string_view user) {
  return !user.empty() && user.size() <= protocol::longest_account && user.find('\0') == std::string_view::npos;
}

// Lines as a banner has them (RFC 4252 section 5.4).
std::string with_carriage_returns(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

Bytes banner(std::string_view text) {
  return PacketWriter(msg_userauth_banner).string(with_carriage_returns(text)).string("").take();
}

}  // namespace

struct Login::Request {
  std::string_view user, service, method;
  bool probe = false;  // publickey, asking whether such a key would do (RFC 4252 section 7)
  std::string_view algorithm;
  ByteView blob;

  // Nothing where it is not in its form.
  static std::optional<Request> read(ByteView payload) {
    PacketReader reader(payload);
    Request request;
    request.user = reader.string();
    request.service = reader.string();
    request.method = reader.string();
    if (request.method == "publickey") {
      request.probe = !reader.boolean();
      request.algorithm = reader.string();
      request.blob = reader.bytes();
    }
    if (!reader.good()) return std::nullopt;
    return request;
  }
  [[nodiscard]] std::optional<Method> known_method() const {
    if (method == "none") return Method::none;
    if (method == "publickey") return Method::publickey;
    if (method == "password") return Method::password;
    if (method == "keyboard-interactive") return Method::keyboard_interactive;
    return std::nullopt;
  }
  // If policy says yes.
  [[nodiscard]] bool could_log_in(bool formality) const {
    const auto known = known_method();
    return known && !probe && (formality || *known == Method::none);
  }
};

void Login::hear_service(ByteView payload, Effects& out) {
  PacketReader reader(payload);
  const std::string_view name = reader.string();
  if (!reader.done()) return out.end(Reason::protocol_error, "a request for a service is not in its form");
  if (name != authentication || done_)
    return out.end(Reason::service_not_available, "there is no such service here, or not now");
  service_ = true;
  out.packets.push_back(PacketWriter(msg_service_accept).string(name).take());
}

void Login::hear_request(ByteView payload, Effects& out) {
  if (done_) return;  // RFC 4252 section 5.1: silently ignored
  const auto request = Request::read(payload);
  if (!request) return out.end(Reason::protocol_error, "a request for authentication is not in its form");
  if (!service_ || request->service != connection)
    return out.end(Reason::service_not_available, "there is no such service here");
  if (user_ && *user_ != request->user)
    return out.end(Reason::protocol_error, "the user name may not change in a connection");
  user_ = request->user;
  if (!can_be_asked(*user_)) verdict_.emplace();
  // A request in the middle of a dialogue gives the dialogue up (RFC 4256 section 3.1).
  if (asking_ == Asking::prompted && !verdict_) {
    waiting_.clear();
    asking_ = Asking::offered;
  }
  if (asking_ == Asking::offered && !verdict_) {
    if (request->known_method() != Method::keyboard_interactive) return refuse_but_interactive(out);
    waiting_.emplace_back(payload.begin(), payload.end());
    return prompt(out);
  }
  // What waits is answered in its order (RFC 4252 section 5.1).
  if (waiting_.empty() && (verdict_ || !request->could_log_in(formality_))) return judge(*request, out);
  if (waiting_.size() >= most_waiting) return out.end(Reason::protocol_error, "too many requests at once");
  if (waiting_.empty()) out.messages.emplace_back(protocol::Login{0, *user_, *request->known_method()});
  waiting_.emplace_back(payload.begin(), payload.end());
}

void Login::answered(const protocol::LoginVerdict& verdict, Effects& out) {
  verdict_ = verdict;
  // Whatever it is: a line that ends, and no second one.
  if (!verdict.tell.empty()) out.packets.push_back(banner(verdict.tell + "\n"));
  // A dialogue is answered when it is the server's turn again.
  if (asking_ != Asking::prompted) judge_waiting(out);
}

void Login::judge_waiting(Effects& out) {
  for (; !waiting_.empty() && !done_ && !out.over; waiting_.pop_front()) {
    const auto request = Request::read(waiting_.front());
    if (request) judge(*request, out);
  }
  waiting_.clear();
}

// --- a check ------------------------------------------------------------------------------------------------------------------

void Login::challenged(const protocol::Challenge& challenge, Effects& out) {
  if (verdict_) return;
  if (!challenge.text.empty()) out.packets.push_back(banner(challenge.text));
  if (!challenge.asks) return;
  challenge_ = challenge;
  if (asking_ == Asking::answered) return prompt(out);
  if (asking_ == Asking::prompted) return;  // the question stands
  asking_ = Asking::offered;
  for (; !waiting_.empty() && !out.over; waiting_.pop_front()) {
    const auto request = Request::read(waiting_.front());
    if (request && request->known_method() == Method::keyboard_interactive) return prompt(out);
    refuse_but_interactive(out);
  }
}

void Login::prompt(Effects& out) {
  asking_ = Asking::prompted;
  out.question = PacketWriter(msg_userauth_info_request)
                     .string("")
                     .string(with_carriage_returns(challenge_.instruction))
                     .string("")
                     .number(1)
                     .string(challenge_.prompt)
                     .boolean(true)
                     .take();
}

void Login::hear_info_response(ByteView payload, Effects& out) {
  if (done_) return;
  PacketReader reader(payload);
  const std::uint32_t count = reader.number();
  const std::string_view answer = count == 1 ? reader.string() : std::string_view();
  if (asking_ != Asking::prompted || count != 1 || !reader.done() || answer.size() > protocol::longest_check_answer ||
      answer.find('\0') != std::string_view::npos)
    return out.end(Reason::protocol_error, "an answer that was not asked for, or is not in its form");
  asking_ = Asking::answered;
  if (verdict_) return judge_waiting(out);
  out.messages.emplace_back(protocol::ChallengeAnswer{0, std::string(answer)});
}

void Login::judge(const Request& request, Effects& out) {
  const bool refused = verdict_ && !verdict_->accept;
  // Any key would do, if policy says yes.
  if (!refused && request.probe && formality_) {
    out.packets.push_back(PacketWriter(msg_userauth_pk_ok).string(request.algorithm).string(request.blob).take());
    return;
  }
  const bool was_asked = asking_ == Asking::answered && request.known_method() == Method::keyboard_interactive;
  if (!verdict_ || refused || !request.could_log_in(formality_ || was_asked)) return refuse(out);
  done_ = true;
  out.success = true;
}

void Login::refuse(Effects& out) {
  if (++refused_ > most_refused) return out.end(Reason::too_many_failures, "too many failures of authentication");
  out.packets.push_back(PacketWriter(msg_userauth_failure).string("publickey").boolean(false).take());
}

void Login::refuse_but_interactive(Effects& out) {
  if (++refused_ > most_refused) return out.end(Reason::too_many_failures, "too many failures of authentication");
  out.packets.push_back(PacketWriter(msg_userauth_failure).string("keyboard-interactive").boolean(false).take());
}

}  // namespace acl::node::ssh
