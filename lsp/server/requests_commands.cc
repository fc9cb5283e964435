// Requests: workspace/executeCommand.
//
//   aclLsp.can         {uri, source, target}      may SRC reach DST[:PORT[/PROTO]], or "ssh USER@NODE": as `aclc can --json`
//   aclLsp.explain     {code}                     {"code", "name", "severity", "title", "page"}
//   aclLsp.runTests    {uri[, section, index]}    a policy's or a fixture's, all or one entry: as `aclc test --format json`
//   aclLsp.showReached {uri, rule}                {"rule", "people", "sources", "destinations"}: names
//
// Each takes one argument, the object, and answers {"answer": …, "text": …}: for programs and for people.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "compiler/emit/answers.h"
#include "compiler/emit/display.h"
#include "compiler/emit/people.h"
#include "compiler/emit/registry.h"
#include "compiler/questions/can.h"
#include "lsp/server/code_lens.h"
#include "lsp/server/params.h"
#include "lsp/server/reached.h"
#include "lsp/server/related.h"

namespace acl::lsp {
namespace {

tl::unexpected<RpcError> refuse(std::string reason) {
  return tl::unexpected(RpcError{request_failed, std::move(reason)});
}
tl::unexpected<RpcError> refuse(const Diagnostic& diagnostic) {
  return refuse(diagnostic.help.empty() ? diagnostic.message
                                        : fmt::format("{}: {}", diagnostic.message, diagnostic.help));
}

Json answered(Json answer, std::string text) { return {{"answer", std::move(answer)}, {"text", std::move(text)}}; }

// The policy to ask: the file's own or its fixture's, as it stands now if it is accepted, else as it last was.
tl::expected<std::shared_ptr<const Snapshot>, RpcError> policy_to_ask(Session& session, const std::string& uri) {
  const auto understanding = session.understanding(uri);
  auto snapshot = session.snapshot(uri);
  if (snapshot == nullptr) return refuse(fmt::format("\"{}\" is not open and cannot be read", uri));
  if (snapshot->kind == FileKind::fixture && understanding != nullptr) return understanding->snapshot;
  if (const std::string path = policy_path(*snapshot); !path.empty())
    snapshot = session.snapshot(uri_for(session, path));
  if (snapshot != nullptr && snapshot->accepted && snapshot->inventory != nullptr && snapshot->kind == FileKind::policy)
    return snapshot;
  if (understanding != nullptr) return understanding->snapshot;
  if (snapshot == nullptr || snapshot->kind != FileKind::policy) return refuse("this file is no policy, nor names one");
  if (!snapshot->accepted) return refuse("the policy has errors: mend them first");
  return refuse("there is no inventory: put inventory.hujson beside the policy, or configure \"aclLsp.inventory\"");
}

// What the worker made of this policy, so that the loop does not resolve it again; made here, without tests, where there is none yet.
std::shared_ptr<const Understanding> understanding_of(Session& session, const std::string& uri,
                                                      const std::shared_ptr<const Snapshot>& policy) {
  if (auto known = session.understanding(uri); known != nullptr && known->snapshot == policy) return known;
  auto made = std::make_shared<Understanding>();
  made->snapshot = policy;
  made->resolved = resolve::resolve(*policy->file, policy->inventory->inventory, resolve::Depth::rules);
  made->views = std::make_unique<resolve::Views>(made->resolved);
  return made;
}

// --- can --------------------------------------------------------------------------------------------------------------

constexpr std::string_view ssh = "ssh ";

// How many devices and ports a question is about; nothing if it cannot be read, which its answer then says.
std::optional<std::size_t> asked_pairs(const resolve::Resolved& resolved, std::string_view source,
                                       std::string_view target) {
  const bool login = target.substr(0, ssh.size()) == ssh;
  std::string name(target);
  std::size_t ports = 1;
  if (login) {
    const std::size_t at = target.find('@');
    if (at == std::string_view::npos) return std::nullopt;
    name = target.substr(at + 1);
  } else {
    const auto parsed = questions::parse_target(target);
    if (!parsed) return std::nullopt;
    name = parsed->name;
    if (parsed->ports) ports += parsed->ports->last - parsed->ports->first;
  }
  const auto from = questions::find_party(resolved, source);
  const auto to = questions::find_party(resolved, name);
  if (!from || !to) return std::nullopt;
  return from->members.size() * to->members.size() * ports;
}

Expected<questions::Answer> ask(const resolve::Views& views, std::string_view source, std::string_view target) {
  if (target.substr(0, ssh.size()) != ssh) return questions::can_reach(views, source, target);
  const std::string_view login = target.substr(ssh.size());
  const std::size_t at = login.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == login.size()) {
    return fail(Code::E0903, fmt::format("\"{}\" is not USER@NODE", login), "write the local account, @ and the node");
  }
  return questions::can_login(views, source, login.substr(0, at), login.substr(at + 1));
}

Answer can(Session& session, const Json& argument) {
  const auto uri = text_of(argument, "uri");
  const auto source = text_of(argument, "source");
  const auto target = text_of(argument, "target");
  if (!uri || !source || !target) return missing("arguments: [{uri, source, target}]");
  const auto policy = policy_to_ask(session, *uri);
  if (!policy) return tl::unexpected(policy.error());
  const policy::PolicyFile& file = *(*policy)->file;
  const auto understanding = understanding_of(session, *uri, *policy);
  const resolve::Views& views = *understanding->views;
  // Each pair may take a look at every node, and nobody else is answered meanwhile.
  constexpr std::size_t most = 100'000'000;
  const std::size_t pairs = asked_pairs(understanding->resolved, *source, *target).value_or(0);
  if (pairs > most / std::max<std::size_t>(understanding->resolved.node_count(), 100)) {
    return refuse(
        fmt::format("\"{}\" and \"{}\" stand for {} pairs of devices and ports: too many to answer while the editor "
                    "waits; ask about fewer, or ask `aclc can`",
                    emit::printable(*source), emit::printable(*target), pairs));
  }
  const auto answer = ask(views, *source, *target);
  if (!answer) return refuse(answer.error());
  return answered(Json::parse(emit::answer_json(file, *answer), nullptr, false), emit::answer_text(file, *answer));
}

// --- explain ----------------------------------------------------------------------------------------------------------

Answer explain(Session&, const Json& argument) {
  const auto code = text_of(argument, "code");
  if (!code) return missing("arguments: [{code}]");
  const emit::CodePage* page = emit::find_code(*code);
  if (page == nullptr) return refuse(fmt::format("no such code: \"{}\"", emit::printable(*code)));
  Json out = {{"code", page->name},
              {"name", page->slug},
              {"severity", severity_name(page->severity)},
              {"title", page->title},
              {"page", page->page}};
  return answered(std::move(out), fmt::format("{} {} ({}): {}\n\n{}\n", page->name, page->slug,
                                              severity_name(page->severity), page->title, page->page));
}

// --- tests ------------------------------------------------------------------------------------------------------------

// Rules that no assertion of the run came to.
std::vector<std::string> rules_not_in(const questions::TestRun& run, const policy::Policy& policy) {
  std::unordered_set<std::string> exercised;
  for (const resolve::Origin& origin : run.exercised) exercised.insert(resolve::origin_name(origin));
  for (const questions::TestCase& test : run.cases) {
    if (test.kind == "expect") exercised.insert(test.rule);
  }
  std::vector<std::string> out;
  const auto note = [&](resolve::Section section, std::size_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string name = resolve::origin_name({section, i});
      if (exercised.count(name) == 0) out.push_back(std::move(name));
    }
  };
  note(resolve::Section::acls, policy.acls ? policy.acls->size() : 0);
  note(resolve::Section::grants, policy.grants ? policy.grants->size() : 0);
  note(resolve::Section::ssh, policy.ssh.size());
  return out;
}

std::string outcome(const questions::TestCase& test) {
  std::string out = fmt::format("expected {}, got {}", test.expected, test.got);
  if (!test.rule.empty() && test.got.find(" by ") == std::string::npos) out += " by " + test.rule;
  if (!test.detail.empty() && !test.ok) out += fmt::format(" ({})", test.detail);
  return out;
}

Json tests_answer(const questions::TestRun& run, const Snapshot& tested, const policy::Policy& policy,
                  const std::optional<Lens>& one) {
  Json cases = Json::array();
  std::string text;
  std::size_t passed = 0, failed = 0;
  for (const questions::TestCase& test : run.cases) {
    const std::string_view section = test.kind == "test" ? "tests" : test.kind == "sshTest" ? "sshTests" : "expect";
    if (one && (one->section != section || one->index != test.index)) continue;
    ++(test.ok ? passed : failed);
    const auto line = tested.file->source.position(test.span.begin).line;
    Json entry = {{"file", tested.file->source.name()},
                  {"line", line},
                  {"kind", test.kind},
                  {"name", test.name},
                  {"ok", test.ok},
                  {"expected", test.expected},
                  {"got", test.got},
                  {"rule", nullptr}};
    if (!test.rule.empty()) entry["rule"] = test.rule;
    cases.push_back(std::move(entry));
    if (one || !test.ok) {
      text += fmt::format("line {}: {} {}: {}: {}\n", line, test.kind, test.ok ? "passed" : "failed",
                          emit::printable(test.name), emit::printable(outcome(test)));
    }
  }
  if (passed + failed == 0) text += "no tests: nothing was tested\n";
  text += fmt::format("{} passed, {} failed\n", passed, failed);
  return answered({{"passed", passed},
                   {"failed", failed},
                   {"cases", std::move(cases)},
                   {"coverage", {{"unused", rules_not_in(run, policy)}}}},
                  std::move(text));
}

// What running the tests costs is at most the one times the other.
std::size_t names_looked_up(const policy::Policy& policy) {
  std::size_t out = 0;
  for (const policy::PolicyTest& test : policy.tests) out += 1 + test.accept.size() + test.deny.size();
  for (const policy::SshTest& test : policy.ssh_tests) {
    out += 1 + test.dst.size() * (1 + test.accept.size() + test.check.size() + test.deny.size());
  }
  return out;
}
std::size_t names_defined(const policy::Policy& policy) {
  return policy.groups.size() + policy.hosts.size() + policy.tag_owners.size() + policy.ipsets.size();
}

Answer run_tests(Session& session, const Json& argument) {
  const auto uri = text_of(argument, "uri");
  if (!uri) return missing("arguments: [{uri}]");
  std::optional<Lens> one;
  if (const auto section = text_of(argument, "section")) {
    const auto index = integer_of(argument, "index");
    if (!index || *index < 0) return missing("arguments: [{uri, section, index}]");
    one = Lens{{}, *section, static_cast<std::uint32_t>(std::min<std::int64_t>(*index, 0x7fffffff))};
  }
  const auto snapshot = session.snapshot(*uri);
  if (snapshot == nullptr) return refuse(fmt::format("\"{}\" is not open and cannot be read", *uri));
  const auto understanding = session.understanding(*uri);
  if (understanding != nullptr && understanding->tested == snapshot) {
    return tests_answer(*understanding->tests, *snapshot, understanding->snapshot->file->policy, one);
  }
  const auto policy = policy_to_ask(session, *uri);
  if (!policy) return tl::unexpected(policy.error());
  if (*policy != snapshot) {
    return refuse(snapshot->kind == FileKind::fixture && snapshot->accepted
                      ? "the tests of this fixture have not run yet"
                      : "the file has errors: mend them first");
  }
  const policy::PolicyFile& file = *snapshot->file;
  // The worker runs the tests of an open file anyway; those that could keep others waiting are left to it.
  constexpr std::size_t most = 20'000'000;
  if (names_looked_up(file.policy) > most / std::max<std::size_t>(names_defined(file.policy), 100)) {
    return refuse(
        "there are too many tests to run them while the editor waits: those of an open file run by themselves, ask "
        "again then");
  }
  const auto run =
      questions::run_tests(file, snapshot->inventory->tailnet, file.tree, file.policy.tests, file.policy.ssh_tests);
  return tests_answer(run, *snapshot, file.policy, one);
}

// --- reached ----------------------------------------------------------------------------------------------------------

// "acls[3]"
std::optional<resolve::Origin> origin_of(std::string_view name, const policy::Policy& policy) {
  const std::size_t open = name.find('[');
  if (open == std::string_view::npos || name.back() != ']') return std::nullopt;
  std::uint32_t index = 0;
  const char* const end = name.data() + name.size() - 1;
  const auto [rest, error] = std::from_chars(name.data() + open + 1, end, index);
  if (error != std::errc{} || rest != end) return std::nullopt;
  const std::string_view section = name.substr(0, open);
  const auto origin = [&](resolve::Section in, std::size_t count) {
    return index < count ? std::optional(resolve::Origin{in, index}) : std::nullopt;
  };
  if (section == "acls") return origin(resolve::Section::acls, policy.acls ? policy.acls->size() : 0);
  if (section == "grants") return origin(resolve::Section::grants, policy.grants ? policy.grants->size() : 0);
  if (section == "ssh") return origin(resolve::Section::ssh, policy.ssh.size());
  return std::nullopt;
}

Answer show_reached(Session& session, const Json& argument) {
  constexpr std::size_t most = 1000;  // of each list
  const auto uri = text_of(argument, "uri");
  const auto rule = text_of(argument, "rule");
  if (!uri || !rule) return missing("arguments: [{uri, rule}]");
  const auto understanding = session.understanding(*uri);
  if (understanding == nullptr)
    return refuse(
        "who is reached is not known: the policy has errors, there is no inventory, or it is still being read");
  const auto origin = origin_of(*rule, understanding->resolved.file->policy);
  if (!origin) return refuse(fmt::format("there is no rule \"{}\"", emit::printable(*rule)));
  const inventory::Inventory& inventory = *understanding->resolved.inventory;
  const Reach reach = reach_of(*understanding, *origin);
  const auto names = [&](const std::vector<resolve::NodeId>& nodes) {
    Json out = Json::array();
    for (std::size_t i = 0; i < nodes.size() && i < most; ++i) out.push_back(inventory.nodes[nodes[i]].name);
    return out;
  };
  std::vector<std::uint32_t> users;
  for (const resolve::NodeId node : reach.sources) {
    if (inventory.nodes[node].user != inventory::none) users.push_back(inventory.nodes[node].user);
  }
  std::sort(users.begin(), users.end());
  users.erase(std::unique(users.begin(), users.end()), users.end());
  Json people = Json::array();
  for (std::size_t i = 0; i < users.size() && i < most; ++i) people.push_back(inventory.users[users[i]].login);
  Json out = {{"rule", *rule},
              {"people", std::move(people)},
              {"sources", names(reach.sources)},
              {"destinations", names(reach.destinations)}};
  std::string text = fmt::format("{}: {}\n", resolve::origin_name(*origin), describe(reach, inventory.nodes.size()));
  for (const auto& [title, key] :
       {std::pair("people", "people"), std::pair("from", "sources"), std::pair("to", "destinations")}) {
    std::string list;
    for (const Json& name : out[key])
      list += (list.empty() ? "" : ", ") + emit::printable(name.get_ref<const std::string&>());
    text += fmt::format("  {:<6}  {}\n", title, list.empty() ? "nobody" : list);
  }
  return answered(std::move(out), std::move(text));
}

// --- all --------------------------------------------------------------------------------------------------------------

constexpr std::array commands = {
    Method{"aclLsp.can", can},
    Method{"aclLsp.explain", explain},
    Method{"aclLsp.runTests", run_tests},
    Method{"aclLsp.showReached", show_reached},
};

Answer execute(Session& session, const Json& params) {
  const auto name = text_of(params, "command");
  if (!name) return missing("command");
  const Json* arguments = member(params, "arguments");
  const Json none;
  const Json& argument =
      arguments != nullptr && arguments->is_array() && !arguments->empty() ? arguments->front() : none;
  for (const Method& command : commands) {
    if (command.name == *name) return command.answer(session, argument);
  }
  return tl::unexpected(RpcError{invalid_params, fmt::format("there is no command \"{}\"", emit::printable(*name))});
}

constexpr std::array methods = {Method{"workspace/executeCommand", execute}};

}  // namespace

Methods command_methods() {
  return {methods, [](const ClientCan&, Json& capabilities) {
            Json names = Json::array();
            for (const Method& command : commands) names.push_back(command.name);
            capabilities["executeCommandProvider"] = {{"commands", std::move(names)}};
          }};
}

}  // namespace acl::lsp
