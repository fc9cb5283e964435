#include "engine/store/etcd_client.h"

#include <fmt/format.h>

#include "engine/release/text.h"
#include "engine/store/etcd_reply.h"

namespace acl::store {

using release::quoted;

namespace {

constexpr std::uint64_t longest_token_reply = std::uint64_t{16} * 1024;

}  // namespace

bool wants_new_token(int status, std::string_view body) {
  return status == 401 || (status == 400 && body.find("invalid auth token") != std::string_view::npos);
}

Diagnostic etcd_refusal(int status, std::string_view body, const EtcdOptions& options) {
  const std::string said = etcd_error_text(body);
  const auto says = [&](std::string_view text) { return said.find(text) != std::string::npos; };
  if (says("too large") || says("larger than max")) {
    return make_diagnostic(
        Code::E1109, fmt::format("etcd refuses the request: {}", quoted(said)),
        "put blobs on https: give --blobs FOLDER to publish, and the URL of that folder to the nodes");
  }
  if (says("authentication failed") || says("user name is empty")) {
    const std::string who = options.user.empty() ? "nobody (no user was given)" : quoted(options.user);
    return make_diagnostic(Code::E1113, fmt::format("etcd does not let {} in: {}", who, quoted(said)),
                           "see --user and --password-file");
  }
  if (says("permission denied") || status == 403) {
    return make_diagnostic(
        Code::E1103,
        fmt::format("etcd denies {} the prefix {}: {}", quoted(options.user), quoted(options.prefix), quoted(said)),
        fmt::format("etcdctl role grant-permission ROLE --prefix=true readwrite {}/", options.prefix));
  }
  return make_diagnostic(Code::E1103, fmt::format("etcd answers with status {}: {}", status, quoted(said)));
}

EtcdClient::EtcdClient(const EtcdOptions& options) : options_(options), http_(options.http) {}

Expected<HttpReply> EtcdClient::ask_members(std::string_view path, const std::string& body, std::uint64_t limit,
                                            Deadline deadline, bool with_token) {
  Expected<HttpReply> reply = fail(Code::E1102, "etcd has no member to ask");
  for (std::size_t tried = 0; tried < options_.members.size(); ++tried) {
    HttpRequest request{options_.members[member_] + std::string(path), body, {}, limit, deadline};
    if (with_token) request.headers.push_back("Authorization: " + token_);
    reply = http_.perform(request);
    // A member that answers "unavailable" has lost its cluster; another may not have.
    if (reply ? reply->status != 503 : reply.error().code != Code::E1102) return reply;
    member_ = (member_ + 1) % options_.members.size();
  }
  return reply;
}

Expected<void> EtcdClient::authenticate(Deadline deadline) {
  const auto reply = ask_members("/v3/auth/authenticate", etcd::authenticate(options_.user, options_.password),
                                 longest_token_reply, deadline, false);
  if (!reply) return tl::unexpected(reply.error());
  if (reply->status != 200) {
    // Without users at the other side there is nothing to prove, and nothing to lose by going on.
    if (etcd_error_text(reply->body).find("authentication is not enabled") == std::string::npos) {
      return tl::unexpected(etcd_refusal(reply->status, reply->body, options_));
    }
    return fail(Code::E1113, fmt::format("etcd has no users, though user {} was given", quoted(options_.user)),
                "leave --user out, or switch etcd's users on: etcdctl auth enable");
  }
  auto token = parse_etcd_token(reply->body);
  if (!token) return tl::unexpected(token.error());
  token_ = std::move(*token);
  return {};
}

Expected<std::string> EtcdClient::call(std::string_view path, const std::string& body, std::uint64_t limit,
                                       Deadline deadline) {
  for (int attempt = 0;; ++attempt) {
    if (!options_.user.empty() && token_.empty()) {
      if (auto done = authenticate(deadline); !done) return tl::unexpected(done.error());
    }
    auto reply = ask_members(path, body, limit, deadline, !token_.empty());
    if (!reply) return tl::unexpected(reply.error());
    if (reply->status == 200) return std::move(reply->body);
    const bool again = attempt == 0 && !options_.user.empty() && wants_new_token(reply->status, reply->body);
    if (!again) return tl::unexpected(etcd_refusal(reply->status, reply->body, options_));
    token_.clear();
  }
}

}  // namespace acl::store
