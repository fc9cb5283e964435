#include "node/session/pam.h"

#include <fmt/format.h>
#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "node/protocol/login_message.h"

namespace acl::node::session {
namespace {

constexpr std::size_t longest_texts = std::size_t{64} * 1024;

// What modules say: all of it, and of that what they say as errors.
struct Said {
  std::string all, errors;
};

void add(std::string& texts, std::string_view text) {
  if (texts.size() + text.size() + 1 > longest_texts) return;
  texts += text;
  if (text.empty() || text.back() != '\n') texts += '\n';
}

extern "C" int answer_nothing(int count, const pam_message** messages, pam_response** responses, void* data) {
  auto& said = *static_cast<Said*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  for (int i = 0; i < count; ++i) {
    const int style = messages[i]->msg_style;
    if (style != PAM_TEXT_INFO && style != PAM_ERROR_MSG) return PAM_CONV_ERR;
    const std::string_view text = messages[i]->msg != nullptr ? messages[i]->msg : "";
    add(said.all, text);
    if (style == PAM_ERROR_MSG) add(said.errors, text);
  }
  // PAM frees it.
  *responses = static_cast<pam_response*>(std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  return *responses != nullptr ? PAM_SUCCESS : PAM_BUF_ERR;
}

int begin(const std::string& service, const Account& account, const pam_conv* conversation, pam_handle_t** handle) {
  const auto slash = service.rfind('/');
  if (slash == std::string::npos) return pam_start(service.c_str(), account.name.c_str(), conversation, handle);
  return pam_start_confdir(service.c_str() + slash + 1, account.name.c_str(), conversation,
                           service.substr(0, slash).c_str(), handle);
}

}  // namespace

struct PamSession::State {
  pam_handle_t* handle = nullptr;
  int last = PAM_SUCCESS;
  bool has_credentials = false, has_session = false;
  Said said;
  pam_conv conversation{answer_nothing, &said};

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() {
    if (handle == nullptr) return;
    if (has_session) pam_close_session(handle, PAM_SILENT);
    if (has_credentials) pam_setcred(handle, PAM_DELETE_CRED | PAM_SILENT);
    pam_end(handle, last);
  }

  Expected<void> step(int result, std::string_view what) {
    last = result;
    if (result == PAM_SUCCESS) return {};
    // What the modules say is better than the library's word for it, such as the text of /etc/nologin.
    const std::string words = said.errors.empty() ? std::string(pam_strerror(handle, result)) : said.errors;
    return fail(Code::E1406, one_line(fmt::format("{}: {}", what, words)));
  }
};

PamSession::PamSession(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
PamSession::PamSession() noexcept = default;
PamSession::PamSession(PamSession&&) noexcept = default;
PamSession& PamSession::operator=(PamSession&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
PamSession::~PamSession() = default;

Expected<PamSession> PamSession::open(const std::string& service, const Account& account, const std::string& source) {
  auto state = std::make_unique<State>();
  State& pam = *state;
  if (const int result = begin(service, account, &pam.conversation, &pam.handle); result != PAM_SUCCESS) {
    pam.handle = nullptr;
    return fail(Code::E1406, fmt::format("PAM service \"{}\" cannot be used (error {})", service, result));
  }
  pam_set_item(pam.handle, PAM_RHOST, source.c_str());
  // There may be none or many; modules want a name, and have this one from sshd.
  pam_set_item(pam.handle, PAM_TTY, "ssh");
  const int account_answer = pam_acct_mgmt(pam.handle, 0);
  if (account_answer == PAM_NEW_AUTHTOK_REQD) {
    pam.last = account_answer;
    return fail(Code::E1406, fmt::format("the password of \"{}\" has expired and must be changed first", account.name));
  }
  if (auto done = pam.step(account_answer, "this account may not be used now"); !done)
    return tl::unexpected(done.error());
  const void* name = nullptr;
  if (pam_get_item(pam.handle, PAM_USER, &name) != PAM_SUCCESS || name == nullptr ||
      account.name != static_cast<const char*>(name)) {
    return fail(Code::E1406, "PAM made it another account");
  }
  // As after a public key: whoever has not been authenticated by PAM may have no credentials of its modules, and logs in without.
  const Said before = pam.said;
  pam.has_credentials = pam_setcred(pam.handle, PAM_ESTABLISH_CRED) == PAM_SUCCESS;
  pam.said = before;
  if (auto done = pam.step(pam_open_session(pam.handle, 0), "PAM opens no session"); !done)
    return tl::unexpected(done.error());
  pam.has_session = true;
  return PamSession(std::move(state));
}

std::vector<std::string> PamSession::environment() const {
  std::vector<std::string> variables;
  if (!state_) return variables;
  char** const list = pam_getenvlist(state_->handle);
  for (char** each = list; each != nullptr && *each != nullptr; ++each) {
    variables.emplace_back(*each);
    std::free(*each);
  }
  std::free(list);
  return variables;
}

std::string PamSession::variable(const char* name) const {
  const char* const value = state_ ? pam_getenv(state_->handle, name) : nullptr;
  return value != nullptr ? value : "";
}

const std::string& PamSession::texts() const {
  static const std::string none;
  return state_ ? state_->said.all : none;
}

std::string one_line(std::string text) {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  if (text.size() > protocol::longest_text) text.resize(protocol::longest_text);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace acl::node::session
