#include "node/daemon/peers.h"

#include <gtest/gtest.h>

namespace acl::node {
namespace {

table::Directory directory(std::vector<std::string> names) {
  std::vector<table::Directory::Numbered> known;
  for (const std::string& name : names) {
    table::Identity one;
    one.name = name;
    one.addresses = {*net::Address::parse("100.64.0.7"), *net::Address::parse("fd7a::7")};
    one.host_keys = {"ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 BBBB"};
    known.push_back({static_cast<std::uint32_t>(known.size()), one});
  }
  known.push_back({static_cast<std::uint32_t>(known.size()), {}});
  known.back().identity.name = "without-keys";
  known.back().identity.addresses = {*net::Address::parse("100.64.0.8")};
  return table::Directory(std::move(known));
}

TEST(Peers, KnownHostsHasALineForEachKeyWithNameAndAddresses) {
  EXPECT_EQ(known_hosts_text(peers_json(directory({"db"}))),
            "db,100.64.0.7,fd7a::7 ssh-ed25519 AAAA\n"
            "db,100.64.0.7,fd7a::7 ecdsa-sha2-nistp256 BBBB\n");
}

TEST(Peers, AConfigurationLeadsFromTheNameToTheAddressAndItsKey) {
  EXPECT_EQ(ssh_config_text(peers_json(directory({"db"})), "/etc/ssh/tailnet hosts"),
            "Host db\n  HostName 100.64.0.7\n  HostKeyAlias db\n  UserKnownHostsFile \"/etc/ssh/tailnet hosts\"\n"
            "  StrictHostKeyChecking yes\n");
  EXPECT_EQ(ssh_config_text(peers_json(directory({"db"})), ""),
            "Host db\n  HostName 100.64.0.7\n  HostKeyAlias db\n  StrictHostKeyChecking yes\n");
}

TEST(Peers, NamesThatAreNoWordsAreLeftOut) {
  for (const char* name :
       {"", "a b", "a\nProxyCommand evil", "*", "-oProxyCommand=evil", "a,b", "!a", "@cert-authority"}) {
    EXPECT_EQ(known_hosts_text(peers_json(directory({name}))), "") << name;
    EXPECT_EQ(ssh_config_text(peers_json(directory({name})), ""), "") << name;
  }
}

TEST(Peers, TextThatIsNoAnswerMakesNothing) {
  for (const char* text : {"", "[]", "{}", "{\"peers\": 1}", "{\"peers\": [1, {}, {\"name\": \"a\"}]}",
                           "{\"peers\": [{\"name\": \"a\", \"addresses\": [\"x\"], \"host_keys\": [\"k k\"]}]}"}) {
    EXPECT_EQ(known_hosts_text(text), "") << text;
    EXPECT_EQ(ssh_config_text(text, ""), "") << text;
  }
}

}  // namespace
}  // namespace acl::node
