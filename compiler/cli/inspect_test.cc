// aclc inspect: what it says of the examples' releases is what `aclc show` says of their policies; and what it says of damage.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "compiler/cli/signing.h"
#include "compiler/cli/testing.h"
#include "compiler/policy/ports.h"
#include "engine/net/prefix.h"
#include "engine/release/base64.h"
#include "engine/release/testing.h"
#include "engine/store/node_release.h"
#include "engine/store/release_folder.h"
#include "engine/table/listing.h"
#include "engine/table/node_table.h"

namespace acl::cli {
namespace {

namespace fs = std::filesystem;
using release::testing::must;
using ::testing::HasSubstr;
using Json = nlohmann::json;

void add_verbs(CLI::App& app, int& exit_code) {
  add_compile(app, exit_code);
  add_inspect(app, exit_code);
  add_show(app, exit_code);
}

std::string example(const std::string& name) {
  return fmt::format("{}/examples/policies/{}/policy.hujson", ACL_SOURCE_DIR, name);
}

// "10.0.0.1-10.0.0.9", "10.0.0.0/8", "10.0.0.1", "*"
bool is_in(const std::string& text, const net::Address& address) {
  if (text == "*") return true;
  if (const std::size_t dash = text.find('-'); dash != std::string::npos) {
    const auto first = net::Address::parse(text.substr(0, dash)), last = net::Address::parse(text.substr(dash + 1));
    return first && last && first->family() == address.family() && !(address < *first) && !(*last < address);
  }
  const auto prefix = net::Prefix::parse(text);
  return prefix.error == net::PrefixError::none && prefix.prefix.contains(address);
}

// One permission of a node: to which of its addresses, from where, protocol, ports.
struct Allowed {
  std::vector<std::string> sources, destinations;
  std::set<int> protocols;
  int first = 0, last = 0xffff;
};

bool allows(const std::vector<Allowed>& list, const net::Address& source, const net::Address& destination, int protocol,
            int port) {
  const auto any = [](const std::vector<std::string>& texts, const net::Address& address) {
    return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return is_in(text, address); });
  };
  const bool ports = policy::protocol_has_ports(static_cast<std::uint8_t>(protocol));
  return std::any_of(list.begin(), list.end(), [&](const Allowed& one) {
    return one.protocols.contains(protocol) && (!ports || (one.first <= port && port <= one.last)) &&
           any(one.sources, source) && any(one.destinations, destination);
  });
}

std::vector<Allowed> of_wire(const Json& node) {
  std::vector<Allowed> out;
  for (const Json& rule : node.value("packet_filter_rules", Json::array())) {
    if (!rule.contains("DstPorts")) continue;
    const std::vector<int> numbers = rule.value("IPProto", std::vector<int>{1, 6, 17, 58});
    for (const Json& to : rule["DstPorts"]) {
      out.push_back(
          {rule["SrcIPs"], {to["IP"]}, {numbers.begin(), numbers.end()}, to["Ports"]["First"], to["Ports"]["Last"]});
    }
  }
  return out;
}

class Inspect : public InFolder {
 protected:
  [[nodiscard]] Outcome run(std::string command) const {
    for (std::size_t at = 0; (at = command.find('@', at)) != std::string::npos;) command.replace(at, 1, folder_ + "/");
    return run_verb(add_verbs, command);
  }
  void compile(const std::string& name) const {
    const Outcome done = run(fmt::format("compile {} --out @rel", example(name)));
    ASSERT_EQ(done.exit_code, exit_yes) << done.err;
  }
  [[nodiscard]] Json inspect(const std::string& options = {}) const {
    const Outcome done = run(fmt::format("inspect @rel --json {}", options));
    EXPECT_EQ(done.exit_code, exit_yes) << done.err;
    return Json::parse(done.out);
  }
  // The path of the first blob that begins so.
  [[nodiscard]] std::string blob(const std::string& start) const {
    for (const auto& entry : fs::directory_iterator(folder_ + "/rel/blob")) {
      if (contents(entry.path()).starts_with(start)) return entry.path();
    }
    ADD_FAILURE() << "no blob begins with " << start;
    return {};
  }
};

// All texts of addresses that some classes of a section mean.
std::vector<std::string> sources_of(const Json& section, const Json& classes,
                                    const std::map<std::string, std::vector<std::string>>& nodes) {
  std::vector<std::string> out;
  for (const std::size_t one : classes) {
    const Json& members = section["sources"][one - 1];
    for (const std::string range : members["addresses"]) out.push_back(range);
    for (const std::string name : members["nodes"]) out.insert(out.end(), nodes.at(name).begin(), nodes.at(name).end());
  }
  return out;
}

class AgreesWithShow : public Inspect, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Inspect::SetUp();
    compile(GetParam());
    const Json release = inspect();
    for (const Json& identity : release["identities"]) {
      nodes[identity["name"]] = identity["addresses"].get<std::vector<std::string>>();
      for (const std::string text : identity["addresses"]) addresses.push_back(*net::Address::parse(text));
    }
    shown = Json::parse(run(fmt::format("show --as wire {}", example(GetParam()))).out)["nodes"];
    ASSERT_FALSE(nodes.empty());
  }

  [[nodiscard]] std::vector<Allowed> of_table(const Json& packets) const {
    std::vector<Allowed> out;
    for (const Json& rule : packets["rules"]) {
      std::vector<std::string> destinations;
      for (const std::size_t one : rule["destinations"]) {
        const Json& to = packets["destinations"][one - 1];
        for (const char* member : {"own", "behind"}) {
          for (const std::string text : to[member]) destinations.push_back(text);
        }
      }
      for (const Json& service : rule["allows"]) {
        for (const Json& range : service["ports"])
          out.push_back({sources_of(packets, rule["sources"], nodes),
                         destinations,
                         {service["protocol"].get<int>()},
                         range[0],
                         range[1]});
      }
    }
    return out;
  }

  std::map<std::string, std::vector<std::string>> nodes;
  std::vector<net::Address> addresses;
  Json shown;
};

TEST_P(AgreesWithShow, AboutEveryPacketToANodeItself) {
  std::size_t allowed = 0;
  for (const auto& [name, own] : nodes) {
    const std::vector<Allowed> table = of_table(inspect("--node " + name)["packets"]), wire = of_wire(shown[name]);
    std::set<int> ports{1}, protocols{1, 6, 17, 50, 58, 132};
    for (const auto& list : {table, wire}) {
      for (const Allowed& one : list) {
        ports.insert({std::max(one.first - 1, 0), one.first, one.last, std::min(one.last + 1, 0xffff)});
        protocols.insert(one.protocols.begin(), one.protocols.end());
      }
    }
    for (const std::string& text : own) {
      const net::Address destination = *net::Address::parse(text);
      for (const net::Address& source : addresses) {
        for (const int protocol : protocols) {
          for (const int port : ports) {
            const bool is = allows(table, source, destination, protocol, port);
            ASSERT_EQ(is, allows(wire, source, destination, protocol, port))
                << name << ": " << source.text() << " -> " << text << " protocol " << protocol << " port " << port;
            allowed += is ? 1 : 0;
          }
        }
      }
    }
  }
  EXPECT_GT(allowed, 0U);
}

// (source, account, action); the account "*" is every one but root.
using Login = std::tuple<std::string, std::string, std::string>;

TEST_P(AgreesWithShow, AboutEveryLogin) {
  for (const auto& [name, own] : nodes) {
    std::set<Login> table, wire;
    const Json logins = inspect("--node " + name)["logins"];
    for (const Json& rule : logins["rules"]) {
      std::vector<std::string> accounts = rule["accounts"];
      if (rule["own_name"].is_string()) accounts.push_back(rule["own_name"]);
      if (rule["root"]) accounts.emplace_back("root");
      if (rule["nonroot"]) accounts.emplace_back("*");
      for (const std::string& source : sources_of(logins, rule["sources"], nodes)) {
        for (const std::string& account : accounts) table.emplace(source, account, rule["action"].get<std::string>());
      }
    }
    for (const Json& rule : shown[name].value("ssh_rules", Json::array())) {
      const std::string action = rule["action"].contains("holdAndDelegate") ? "check" : "accept";
      for (const Json& principal : rule["principals"]) {
        for (const auto& [account, local] : rule["sshUsers"].items()) {
          if (local != "") wire.emplace(principal["nodeIP"], account, action);
        }
      }
    }
    EXPECT_EQ(table, wire) << name;
  }
}

TEST_P(AgreesWithShow, AboutWhomANodeKnows) {
  for (const auto& [name, own] : nodes) {
    std::vector<std::string> peers = shown[name].value("peers", std::vector<std::string>());
    std::erase_if(peers, [&](const std::string& peer) { return !nodes.contains(peer); });  // a service is no node
    std::sort(peers.begin(), peers.end());
    EXPECT_EQ(inspect("--node " + name)["knows"].get<std::vector<std::string>>(), peers) << name;
  }
}

TEST_P(AgreesWithShow, AndEveryRuleHasItsLine) {
  for (const auto& [name, own] : nodes) {
    const Json node = inspect("--node " + name);
    for (const char* section : {"packets", "logins", "capabilities"}) {
      for (const Json& rule : node[section]["rules"]) {
        EXPECT_GT(rule["rule"]["line"], 0) << name << rule;
        EXPECT_EQ(rule["rule"]["file"], "policy.hujson");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, AgreesWithShow,
                         ::testing::Values("homelab", "startup", "company", "plain-wireguard"),
                         [](const auto& example_name) {
                           std::string name = example_name.param;
                           std::erase(name, '-');
                           return name;
                         });

// --- in people's words --------------------------------------------------------------------------------------------------

TEST_F(Inspect, ANodesTableIsToldWithNamesAndLines) {
  compile("plain-wireguard");
  const Outcome told = run("inspect @rel --node web-1");
  EXPECT_EQ(told.exit_code, exit_yes) << told.err;
  EXPECT_THAT(told.out, HasSubstr("web-1  (tag:prod)  10.77.16.21\n"));
  EXPECT_THAT(told.out, HasSubstr("    tcp 443                     from 10.77.1.0/24 "));
  EXPECT_THAT(told.out, HasSubstr("    root (check, 15m)           from ines-laptop, jonas-laptop "));
  EXPECT_THAT(told.out, HasSubstr("acls[2], policy.hujson:44\n"));
  EXPECT_THAT(told.out, HasSubstr("knows 9 other nodes: borg-1, "));
}

TEST_F(Inspect, ANodeIsFoundByItsWireGuardKeyToo) {
  compile("plain-wireguard");
  const std::string key = inspect("--node web-1")["node"]["key"];
  EXPECT_EQ(run("inspect @rel --node " + key).out, run("inspect @rel --node web-1").out);
}

TEST_F(Inspect, AnExitNodesInternetIsOneWord) {
  compile("homelab");
  EXPECT_THAT(run("inspect @rel --node router").out, HasSubstr("any port to the internet "));
}

// A rule lets Dmitri log in at the shop's database, but none lets him reach it.
TEST_F(Inspect, ASourceThatTheNodeDoesNotKnowIsMarked) {
  compile("company");
  EXPECT_THAT(run("inspect @rel --node shop-db").out, HasSubstr("carmen-pc, dmitri-mac (unknown to it) "));
}

TEST_F(Inspect, AReleaseIsToldWithItsCounts) {
  compile("plain-wireguard");
  const Outcome told = run("inspect @rel");
  EXPECT_EQ(told.exit_code, exit_yes) << told.err;
  EXPECT_THAT(told.out, HasSubstr("latest     none"));
  EXPECT_THAT(told.out, HasSubstr("tables     17 nodes in "));
  EXPECT_THAT(told.out, HasSubstr("rules      18 of policy.hujson"));
  EXPECT_EQ(inspect()["nodes"], 17);
}

TEST_F(Inspect, AnEarlierHeadIsShownWhereItIsAskedFor) {
  compile("plain-wireguard");
  compile("plain-wireguard");
  EXPECT_EQ(inspect()["release"], "0.2");
  EXPECT_EQ(inspect("--head 0.1")["release"], "0.1");
  EXPECT_THAT(run("inspect @rel --head 0.3").err, HasSubstr("E1013"));
  EXPECT_EQ(run("inspect @rel --head first").exit_code, exit_usage);
}

TEST_F(Inspect, EveryObjectIsKnownByItsFirstBytes) {
  compile("company");
  for (const char* kind : {"blob", "page", "head"}) {
    for (const auto& entry : fs::directory_iterator(folder_ + "/rel/" + kind)) {
      const Outcome text = run("inspect " + entry.path().string());
      EXPECT_EQ(text.exit_code, exit_yes) << text.err;
      const Outcome json = run("inspect --json " + entry.path().string());
      EXPECT_EQ(json.exit_code, exit_yes);
      EXPECT_TRUE(Json::accept(json.out)) << entry.path();
    }
  }
}

// --- what is wrong ------------------------------------------------------------------------------------------------------

TEST_F(Inspect, AnUnknownNodeIsToldWithTheNearest) {
  compile("plain-wireguard");
  const Outcome refused = run("inspect @rel --node web1");
  EXPECT_EQ(refused.exit_code, exit_usage);
  EXPECT_THAT(refused.err, HasSubstr(R"(the release has no node "web1")"));
  EXPECT_THAT(refused.err, HasSubstr(R"(did you mean "web-1"?)"));
}

TEST_F(Inspect, WhatIsNoReleaseIsToldSo) {
  fs::create_directory(folder_ + "/empty");
  EXPECT_THAT(run("inspect @empty").err, HasSubstr("E1029"));
  EXPECT_EQ(run("inspect @nowhere").exit_code, exit_unreadable);
  EXPECT_THAT(run("inspect " + example("homelab")).err, HasSubstr("E1211"));
  EXPECT_EQ(run("inspect --node x " + example("homelab")).exit_code, exit_usage);
}

TEST_F(Inspect, ASecretKeyIsNotShown) {
  const auto secret = must(release::LockedKey::print(release::testing::key_of_signer(0), {}));
  const std::string path = file("key", std::string(release::as_text({secret.data(), secret.size()})));
  const Outcome refused = run("inspect " + path);
  EXPECT_EQ(refused.exit_code, exit_no);
  EXPECT_THAT(refused.err, HasSubstr("a secret key is never shown"));
  EXPECT_EQ(refused.out, "");
}

TEST_F(Inspect, DamageIsToldAndNeverTakenForATable) {
  compile("plain-wireguard");
  const std::string path = blob("ACLT");
  const std::string whole = contents(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(~damaged[at]);
    file("part", damaged);
    const Outcome told = run("inspect @part");
    EXPECT_TRUE(told.exit_code == exit_yes || (told.exit_code == exit_no && !told.err.empty())) << at;
  }
  // In its place, any other byte is damage.
  std::string other = whole;
  other.back() = static_cast<char>(~other.back());
  ASSERT_TRUE(replace_file(path, other));
  std::size_t refused = 0;
  const Json release = inspect();
  for (const Json& identity : release["identities"]) {
    const Outcome told = run(fmt::format("inspect @rel --node {}", identity["name"].get<std::string>()));
    if (told.exit_code == exit_no && told.err.find("E1018") != std::string::npos) ++refused;
  }
  EXPECT_GT(refused, 0U);
}

// --- tables as a node opens them ------------------------------------------------------------------------------------------

class Tables : public Inspect {
 protected:
  void SetUp() override {
    Inspect::SetUp();
    compile("homelab");
  }

  // All that one node needs; `chunks`: with the directory.
  [[nodiscard]] release::Release read(const std::string& name, bool chunks = true) const {
    const auto folder = must(store::Folder::open(folder_ + "/rel"));
    const release::Head head = must(store::newest_head(folder)).value().head;
    release::NodeKey key{};
    EXPECT_TRUE(release::decode_base64(inspect("--node " + name)["node"]["key"].get<std::string>(), key));
    const auto leaf = must(store::find_leaf(folder, head.contents.root, key));
    const auto choose = [&](release::ByteView, std::size_t count) {
      std::vector<std::uint32_t> all(chunks ? count : 0);
      std::iota(all.begin(), all.end(), 0);
      return all;
    };
    return must(store::read_node_release(folder, head, leaf.value(), choose));
  }
  static table::TableBytes bytes_of(const release::Release& release) {
    return {release.header, *release.parts[0].bytes, *release.parts[1].bytes, *release.parts[2].bytes};
  }
};

TEST_F(Tables, TheirPartsFitEachOther) {
  const release::Release router = read("router"), nas = read("nas");
  ASSERT_TRUE(table::open_table(bytes_of(router)));
  table::TableBytes mixed = bytes_of(router);
  mixed.names = *nas.parts[2].bytes;
  EXPECT_EQ(table::open_table(mixed).error().code, Code::E1201);
  mixed = bytes_of(router);
  mixed.hot = {};
  EXPECT_EQ(table::open_table(mixed).error().code, Code::E1201);
  table::NodeHeader header = must(table::parse_node_header(router.header));
  header.own.front().hot_class = 0xffff;
  const auto encoded = table::encode_node_header(header);
  mixed = bytes_of(router);
  mixed.header = encoded;
  EXPECT_EQ(table::open_table(mixed).error().code, Code::E1202);
}

TEST_F(Tables, ADirectoryHoldsWhomTheNodeKnowsAndNobodyElse) {
  const release::Release router = read("router");
  const auto opened = must(table::open_table(bytes_of(router)));
  ASSERT_EQ(router.chunks.size(), 1U);
  const table::DirectoryChunk chunk{0, *router.chunks[0].bytes};
  const auto directory = must(table::open_directory(opened.names, {&chunk, 1}));
  std::vector<std::string> names;
  for (const auto& known : directory.identities()) {
    EXPECT_TRUE(opened.names.knows(known.number));
    if (known.identity.name != "router") names.push_back(known.identity.name);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, inspect("--node router")["knows"].get<std::vector<std::string>>());
  EXPECT_LT(directory.identities().size(), inspect()["identities"].size());
  const auto lacking = table::open_directory(opened.names, {});
  EXPECT_EQ(lacking.error().code, Code::E1204);
  EXPECT_TRUE(read("router", false).chunks.empty());
}

TEST_F(Tables, AKeyThatNobodyHasLeadsToNoLeaf) {
  const auto folder = must(store::Folder::open(folder_ + "/rel"));
  const release::Head head = must(store::newest_head(folder)).value().head;
  EXPECT_FALSE(must(store::find_leaf(folder, head.contents.root, release::NodeKey{})).has_value());
}

// What no compiler writes could be listed without end.
TEST_F(Tables, ListsThatDoNotAscendAreNotListed) {
  const release::Release router = read("router");
  release::Bytes bytes = *router.parts[0].bytes;
  acl_hot header;
  std::memcpy(&header, bytes.data(), sizeof header);
  ASSERT_GT(header.list_words, 1U);
  ASSERT_TRUE(table::list_pairs(must(table::Hot::open(bytes))));
  // Every range of every list becomes the first: in a list of two, the second is then not above it.
  std::uint8_t* const words = bytes.data() + std::size_t{header.list_line} * acl_line_bytes;
  for (std::size_t i = 1; i < header.list_words; ++i) std::memcpy(words + i * 8, words, 8);
  const auto hot = must(table::Hot::open(bytes));
  EXPECT_EQ(table::list_pairs(hot).error().code, Code::E1210);
}

}  // namespace
}  // namespace acl::cli
