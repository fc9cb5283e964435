// What the daemon answers on its control socket, and to whom.
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "engine/release/text.h"
#include "engine/release/trust.h"
#include "node/daemon/answers.h"
#include "node/daemon/daemon.h"
#include "node/daemon/peers.h"

namespace acl::node {

namespace {

std::optional<gid_t> group_id(const std::string& name) {
  if (name.empty()) return std::nullopt;
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(65536);
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry.gr_gid;
}

const char* standing_name(release::Standing standing) {
  switch (standing) {
    case release::Standing::none: return "none";
    case release::Standing::current: return "current";
    case release::Standing::grace: return "grace";
    case release::Standing::expired: return "expired";
  }
  return "none";
}

std::string refuse() {
  return print_error(make_diagnostic(
      Code::E1304,
      "root and the group of aclnode.toml may ask this; others only `whois` of this node's own addresses"));
}

std::string no_table() {
  return print_error(make_diagnostic(Code::E1304,
                                     "there is no valid table: everything is denied but what break-glass allows",
                                     "`aclnode status` says why"));
}

}  // namespace

Expected<void> Daemon::listen() {
  std::error_code error;
  const bool made = std::filesystem::create_directories(config_.run_dir, error);
  // Others look in to reach the socket.
  if (error || (made && ::chmod(config_.run_dir.c_str(), 0755) != 0))
    return fail(Code::E0003, fmt::format("cannot use \"{}\": {}", config_.run_dir, std::strerror(errno)));
  find_group();
  auto server = ControlServer::listen(
      config_.run_dir + "/control",
      [this](const Ask& ask, const Asker& asker, std::uint64_t& ticket) { return answer(ask, asker, ticket); });
  if (!server) return tl::unexpected(server.error());
  control_.emplace(std::move(*server));
  return {};
}

void Daemon::find_group() { group_ = group_id(config_.group); }

bool Daemon::may_ask_all(const Asker& asker) const {
  return asker.uid == 0 ||
         (group_ && std::find(asker.groups.begin(), asker.groups.end(), *group_) != asker.groups.end());
}

std::optional<std::string> Daemon::answer(const Ask& ask, const Asker& asker, std::uint64_t& ticket) {
  if (const auto* whois_ask = std::get_if<AskWhois>(&ask)) return answer_whois(*whois_ask, asker);
  if (const auto* check = std::get_if<AskCheck>(&ask)) return answer_check(*check, asker);
  if (!may_ask_all(asker)) return refuse();
  if (std::holds_alternative<AskStatus>(ask)) return print_answer(status_json(status()));
  if (const auto* why_ask = std::get_if<AskWhy>(&ask)) return answer_why(*why_ask);
  if (const auto* why_ask = std::get_if<AskWhyLogin>(&ask)) return answer_why_login(*why_ask);
  if (std::holds_alternative<AskPeers>(ask)) {
    const LoadedTable* table = enforcer_->table();
    return table == nullptr ? no_table() : print_answer(peers_json(table->directory()));
  }
  if (std::holds_alternative<AskSshdSources>(ask) || std::holds_alternative<AskSshdLogin>(ask))
    return answer_sshd(ask, ticket);
  if (asker.uid != 0) return refuse();
  if (std::holds_alternative<AskSessions>(ask)) return answer_sessions();
  if (const auto* kill = std::get_if<AskKillSession>(&ask)) return answer_kill_session(*kill);
  const auto done = reload();
  return done ? print_answer("{}") : print_error(done.error());
}

Status Daemon::status() const {
  Status out;
  enforcer_->fill(out);
  out.ssh = logins_->status();
  out.source = config_.source.url;
  out.lost_records = decisions_.lost();
  if (state_) {
    out.trust_version = state_->trust.version;
    out.trust_fingerprint = release::digest_of(release::as_bytes(release::print_trust(state_->trust))).text();
    out.standing = standing_name(release::standing(*state_, clocks_.wall()));
  } else {
    out.standing = "none";
  }
  if (const LoadedTable* table = enforcer_->table(); table != nullptr && out.mode == Mode::enforcing) {
    const release::Head& head = table->release().head;
    out.generation = head.generation;
    out.age_s = std::max<std::int64_t>(0, clocks_.wall() - head.created);
    out.expires = head.expires;
  }
  const std::string* trouble = enforcer_->trouble();
  if (trouble == nullptr && unstored_) trouble = &unstored_->why;
  out.last_error = trouble != nullptr ? *trouble : last_error_;
  out.last_error_at = trouble != nullptr ? clocks_.wall() : last_error_at_;
  return out;
}

std::string Daemon::answer_whois(const AskWhois& ask, const Asker& asker) const {
  const auto address = net::Address::parse(ask.address);
  if (!address)
    return print_error(make_diagnostic(Code::E1305, fmt::format("{} is no address", release::quoted(ask.address))));
  if (!may_ask_all(asker)) {
    const auto own = enforcer_->own_addresses();
    if (std::find(own.begin(), own.end(), *address) == own.end()) return refuse();
  }
  const LoadedTable* table = enforcer_->table();
  if (table == nullptr) return no_table();
  return print_answer(whois_json(*address, whois(*table, *address, enforcer_->owner())));
}

// Root approves and revokes; an approval that is signed may come by anybody, as the signature says whose it is.
std::string Daemon::answer_check(const AskCheck& ask, const Asker& asker) {
  using What = AskCheck::What;
  const bool changes = ask.what == What::approve || ask.what == What::revoke;
  if (changes ? asker.uid != 0 : ask.what != What::approve_signed && !may_ask_all(asker)) return refuse();
  if (!config_.ssh.enabled && config_.sshd.port == 0)
    return print_error(make_diagnostic(Code::E1304, "logins by policy are off here: the sshd of the system answers",
                                       "[ssh] and enabled = true, or [sshd], in aclnode.toml"));
  CheckService& checks = logins_->checks();
  if (ask.what == What::list) return print_answer(checks.list());
  const Expected<std::string> done = ask.what == What::approve   ? checks.approve(ask.source, ask.user, ask.for_s)
                                     : ask.what == What::request ? checks.request(ask.source, ask.user, ask.for_s)
                                     : ask.what == What::revoke  ? checks.revoke(ask.source, ask.user)
                                                                 : checks.approve_signed(ask.text, ask.signature);
  return done ? print_answer(*done) : print_error(done.error());
}

std::string Daemon::answer_why(const AskWhy& ask) const {
  const auto target = parse_target(ask.target);
  if (!target) return print_error(target.error());
  const LoadedTable* table = enforcer_->table();
  if (table == nullptr) return no_table();
  const auto answered = why(*table, ask.source, *target, enforcer_->owner());
  return answered ? print_answer(why_json(*answered)) : print_error(answered.error());
}

std::string Daemon::answer_why_login(const AskWhyLogin& ask) const {
  if (!config_.ssh.enabled)
    return print_error(make_diagnostic(Code::E1304, "logins by policy are off here: the sshd of the system answers",
                                       "[ssh] and enabled = true in aclnode.toml"));
  const LoadedTable* table = enforcer_->table();
  const auto address = net::Address::parse(ask.source);
  if (table == nullptr && !address) return no_table();
  const Expected<std::vector<net::Address>> sources =
      address ? std::vector<net::Address>{*address} : addresses_of(*table, ask.source);
  if (!sources) return print_error(sources.error());
  // Of each address of the source, to each of this node's of its family: the first that is denied, or the last.
  std::optional<LoginAnswer> answer;
  for (const net::Address& source : *sources) {
    for (const net::Address& own : enforcer_->own_addresses()) {
      if (source.family() != own.family() || (answer && !answer->accept)) continue;
      answer = logins_->decide({source, own, ask.user, ask.exists, ask.is_root, {}});
    }
  }
  if (!answer)
    return print_error(make_diagnostic(
        Code::E1305, fmt::format("{} and this node have no addresses of the same family, or logins are not served",
                                 release::quoted(ask.source))));
  return print_answer(why_json(answer->why));
}

}  // namespace acl::node
