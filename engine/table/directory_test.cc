// The directory: who has which address and key, and whose key must have sent a packet.
#include "engine/table/directory.h"

#include "engine/table/testing.h"

namespace acl::table {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

net::Prefix prefix(const char* text) { return net::Prefix::parse(text).prefix; }

Identity node(const std::string& name, std::uint8_t key, std::vector<net::Address> addresses,
              std::vector<net::Prefix> routes = {}) {
  Identity out;
  out.key.fill(key);
  out.name = name;
  out.addresses = std::move(addresses);
  out.routes = std::move(routes);
  return out;
}

std::vector<Identity> sample() {
  std::vector<Identity> out = {node("laptop", 1, {at("100.64.0.1"), at("fd7a::1")}),
                               node("router", 2, {at("100.64.0.2")}, {prefix("10.0.0.0/8"), prefix("fd00::/16")}),
                               node("standby", 3, {at("100.64.0.3")}, {prefix("10.0.0.0/8")}),
                               node("branch", 4, {at("100.64.0.4")}, {prefix("10.1.0.0/16")}),
                               node("printer", 0, {at("100.64.0.5")})};
  out[0].login = "ana@example.com";
  out[1].tags = {"tag:router", "tag:db"};
  out[2].shared = true;
  out[4].unbound = true;
  return out;
}

Directory directory() {
  std::vector<Directory::Numbered> known;
  std::uint32_t number = 10;
  for (Identity& one : sample()) known.push_back({number++, std::move(one)});
  return Directory(std::move(known));
}

std::vector<std::string> routers(const char* address) {
  std::vector<std::string> out;
  const Directory whole = directory();
  for (const Directory::Numbered* one : whole.routers(at(address))) out.push_back(one->identity.name);
  return out;
}

std::vector<int> keys(const char* address) {
  std::vector<int> out;
  for (const auto& key : directory().binding(at(address)).keys) out.push_back(key[0]);
  return out;
}

TEST(Directory, AnAddressIsOneNodes) {
  const Directory whole = directory();
  ASSERT_NE(whole.whois(at("fd7a::1")), nullptr);
  EXPECT_EQ(whole.whois(at("fd7a::1"))->identity.login, "ana@example.com");
  EXPECT_EQ(whole.whois(at("fd7a::1"))->number, 10U);
  EXPECT_EQ(whole.whois(at("100.64.0.9")), nullptr);
  EXPECT_EQ(whole.whois(at("10.0.0.1")), nullptr);  // behind a router is nobody's
}

TEST(Directory, TheLongestRouteLeadsAndAllThatHaveIt) {
  EXPECT_THAT(routers("10.2.0.1"), ElementsAre("router", "standby"));
  EXPECT_THAT(routers("10.1.0.1"), ElementsAre("branch"));
  EXPECT_THAT(routers("fd00::1"), ElementsAre("router"));
  EXPECT_THAT(routers("11.0.0.0"), IsEmpty());
}

TEST(Directory, APacketComesFromTheNodesKeyOrFromARoutersOfTheRoute) {
  EXPECT_THAT(keys("100.64.0.1"), ElementsAre(1));
  EXPECT_THAT(keys("10.2.0.1"), ElementsAre(2, 3));  // two routers of one route
  EXPECT_THAT(keys("10.1.0.1"), ElementsAre(4));
  EXPECT_THAT(keys("8.8.8.8"), IsEmpty());
  EXPECT_FALSE(directory().binding(at("8.8.8.8")).unbound);
}

TEST(Directory, ANodeWithoutBindingIsBelieved) {
  EXPECT_TRUE(directory().binding(at("100.64.0.5")).unbound);
  EXPECT_THAT(keys("100.64.0.5"), IsEmpty());
  EXPECT_FALSE(directory().binding(at("100.64.0.1")).unbound);
}

TEST(Directory, HostKeysAreLinesOfPrintableCharacters) {
  std::vector<Identity> some = sample();
  some[0].host_keys = {"ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 BBBB"};
  const auto read = parse_chunk(encode_chunk(some));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, some);
  for (const char* bad : {"", "ssh-ed25519", "ssh-ed25519 AAAA\nevil", "a b c", "ssh-ed25519\tAAAA"}) {
    some[0].host_keys = {bad};
    EXPECT_FALSE(parse_chunk(encode_chunk(some))) << bad;
  }
}

TEST(Directory, SaysHowAUserCanAnswerACheck) {
  std::vector<Identity> some = sample();
  some[0].sub = "4711";
  some[1].security_keys = {"sk-ssh-ed25519@openssh.com AAAA", "sk-ecdsa-sha2-nistp256@openssh.com BBBB"};
  some[1].host_keys = {"ssh-ed25519 AAAA"};
  const auto read = parse_chunk(encode_chunk(some));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, some);
  for (const std::string& bad :
       {std::string("ssh-ed25519 AAAA"), std::string("sk-ssh-ed25519@openssh.com"),
        std::string("sk-ssh-ed25519@openssh.com AAAA\nx"), std::string("sk-ssh-ed25519@openssh.com A B"),
        "sk-ssh-ed25519@openssh.com " + std::string(longest_security_key, 'A')}) {
    some[1].security_keys = {bad};
    EXPECT_FALSE(parse_chunk(encode_chunk(some))) << bad;
  }
  some[1].security_keys.assign(most_security_keys, "sk-ssh-ed25519@openssh.com AAAA");
  EXPECT_TRUE(parse_chunk(encode_chunk(some)));
  some[1].security_keys.emplace_back("sk-ssh-ed25519@openssh.com AAAA");
  EXPECT_FALSE(parse_chunk(encode_chunk(some)));
  some[1].security_keys.clear();
  some[0].sub.assign(longest_sub + 1, 's');
  EXPECT_FALSE(parse_chunk(encode_chunk(some)));
}

// Two encodings of the same would be two digests of it.
TEST(Chunk, WithNothingToAnswerACheckWithDoesNotSayThatThereIs) {
  Identity one = node("r", 1, {at("10.0.0.1")}, {});
  one.sub = "4";
  Bytes bytes = encode_chunk(std::vector{one});
  bytes[bytes.size() - 4] = 0;  // the subject's length
  bytes.erase(bytes.end() - 2);
  EXPECT_FALSE(parse_chunk(bytes));
}

TEST(Directory, KnowsNodesAndWhatIsBehindThem) {
  for (const char* text : {"100.64.0.1", "10.200.0.1", "fd00::5"}) EXPECT_TRUE(directory().knows(at(text))) << text;
  for (const char* text : {"100.64.0.9", "9.255.255.255", "fd01::"}) EXPECT_FALSE(directory().knows(at(text))) << text;
}

TEST(Chunk, ComesBackAsItWas) {
  EXPECT_EQ(parse_chunk(encode_chunk(sample())), sample());
  EXPECT_EQ(parse_chunk(encode_chunk({})), std::vector<Identity>());
}

TEST(Chunk, AnyShorterTextIsRefused) {
  const Bytes whole = encode_chunk(sample());
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_chunk(std::span(whole).first(length))) << length;
}

TEST(Chunk, IsRefusedWithWordsForEachFault) {
  const auto expect_bad = [](const Bytes& bytes, const std::string& words) {
    const auto chunk = parse_chunk(bytes);
    ASSERT_FALSE(chunk) << words;
    EXPECT_EQ(chunk.error().code, Code::E1204);
    EXPECT_THAT(chunk.error().message, testing::HasSubstr(words));
  };
  const std::vector<Identity> one = {node("r", 1, {at("10.0.0.1")}, {prefix("10.0.0.0/8")})};
  const Bytes whole = encode_chunk(one);
  const auto with = [&](std::size_t place, std::uint8_t value) {
    Bytes bytes = whole;
    bytes.at(place) = value;
    return bytes;
  };
  expect_bad({}, "it is too short");
  expect_bad(with(0, 'X'), "it does not begin with ACLD");
  expect_bad(with(4, 2), "version \"2\" is not \"1\"");
  expect_bad(with(5, 1), "is not \"1\"");
  expect_bad(with(7, 5), "1281 identities are more than 1024");
  expect_bad(with(6, 0), "bytes follow its identities");
  expect_bad(with(8 + 32, 16), "identity 0 is malformed");            // a flag that there is not
  expect_bad(with(whole.size() - 1, 33), "identity 0 is malformed");  // longer than the family
  expect_bad(with(whole.size() - 2, 1), "identity 0 is malformed");   // host bits
  expect_bad(with(whole.size() - 6, 5), "identity 0 is malformed");   // no family
}

}  // namespace
}  // namespace acl::table
