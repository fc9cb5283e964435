#include "node/daemon/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/release/base64.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;

constexpr const char* least = "interface = \"wg0\"\nsource = \"/srv/release\"\n";

std::string fault_of(const std::string& text) {
  const auto config = parse_config(text, "aclnode.toml");
  if (config) return "(accepted)";
  const Diagnostic& d = config.error();
  return fmt::format("{}:{}:{}: {} | {}", d.place->file, d.place->start.line, d.place->start.column, d.message, d.help);
}

std::string glass(const std::string& body) { return least + std::string("[[break_glass]]\n") + body; }
const std::string key = release::encode_base64(Key{7});

TEST(Config, InterfaceAndSourceAreEnough) {
  const auto config = parse_config(least, "aclnode.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->interface, "wg0");
  EXPECT_EQ(config->source.url, "/srv/release");
  EXPECT_EQ(config->trust, "/etc/aclnode/trust");
  EXPECT_EQ(config->flow_records, 100'000U);
  EXPECT_TRUE(config->break_glass.empty());
}

TEST(Config, AMisspelledKeyIsAnErrorWithTheNearestOne) {
  EXPECT_EQ(fault_of(least + std::string("sate_dir = \"/x\"\n")),
            "aclnode.toml:3:1: unknown key \"sate_dir\" | did you mean \"state_dir\"?");
}

TEST(Config, WhatIsNoTomlIsToldWithItsPlace) {
  EXPECT_THAT(fault_of("interface = wg0\n"), HasSubstr("aclnode.toml:1:"));
  EXPECT_THAT(fault_of("interface = \"wg0\"\ninterface = \"wg1\"\n"), HasSubstr("aclnode.toml:2:"));
}

TEST(Config, ValuesAreOfTheirKindAndInRange) {
  EXPECT_THAT(fault_of(std::string(least) + "flow_records = \"many\"\n"),
              HasSubstr("aclnode.toml:3:16: \"flow_records\" is a number"));
  EXPECT_THAT(fault_of(std::string(least) + "flow_records = 3\n"), HasSubstr("from 1024 to"));
  EXPECT_THAT(fault_of(std::string(least) + "trust = 3\n"), HasSubstr("\"trust\" is a text"));
  EXPECT_THAT(fault_of(std::string(least) + "mark = 3\n"), HasSubstr("not one bit"));
  EXPECT_THAT(fault_of(std::string(least) + "backend = \"xdp\"\n"),
              HasSubstr("aclnode.toml:3:11: \"backend\" = \"xdp\" is none there is | write \"auto\""));
  EXPECT_THAT(fault_of(std::string(least) + "state_dir = \"here\"\n"), HasSubstr("no absolute path"));
  EXPECT_THAT(fault_of(std::string(least) + "user = \"ann\"\n"), HasSubstr("needs a password_file"));
}

TEST(Config, InterfaceAndSourceMustBeThere) {
  EXPECT_THAT(fault_of("source = \"/srv/release\"\n"), HasSubstr("no \"interface\""));
  EXPECT_THAT(fault_of("interface = \"wg0\"\n"), HasSubstr("no \"source\""));
  EXPECT_THAT(fault_of("interface = \"a-name-of-16-by\"\nsource = \"/x\"\n"), HasSubstr("(accepted)"));
  EXPECT_THAT(fault_of("interface = \"a-name-of-16-byt\"\nsource = \"/x\"\n"), HasSubstr("no name of"));
  EXPECT_THAT(fault_of("interface = \"lo\"\nsource = \"/x\"\n"), HasSubstr("no name of"));
  EXPECT_THAT(fault_of("interface = \"a/b\"\nsource = \"/x\"\n"), HasSubstr("no name of"));
}

TEST(Config, BreakGlassSaysWhoAndWhat) {
  const auto config = parse_config(
      glass(fmt::format(
          "from = \"100.64.0.5\"\nkey = \"{}\"\nports = [\"22\", \"8000-8100/udp\", \"*/icmp\"]\nlogin = \"root\"\n",
          key)),
      "aclnode.toml");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->break_glass.size(), 1U);
  const BreakGlass& entry = config->break_glass[0];
  EXPECT_EQ(entry.from.text(), "100.64.0.5");
  EXPECT_EQ(entry.key, Key{7});
  EXPECT_EQ(entry.login, "root");
  EXPECT_EQ(entry.ports, (std::vector<PortSpan>{{6, 22, 22}, {17, 8000, 8100}, {1, 0, 65535}}));
}

TEST(Config, BreakGlassMustNotBeVague) {
  const std::string good_key = "key = \"" + key + "\"\n";
  EXPECT_THAT(fault_of(glass(good_key + "ports = [\"22\"]\n")), HasSubstr("\"from\" = \"\" is no address"));
  EXPECT_THAT(fault_of(glass("from = \"100.64.0.5/24\"\n" + good_key + "ports = [\"22\"]\n")),
              HasSubstr("the network is 100.64.0.0/24"));
  EXPECT_THAT(fault_of(glass("from = \"100.64.0.5\"\nkey = \"abc\"\nports = [\"22\"]\n")),
              HasSubstr("no WireGuard public key"));
  EXPECT_THAT(fault_of(glass("from = \"100.64.0.5\"\n" + good_key)), HasSubstr("\"ports\" lists"));
  for (const char* odd : {"", "22/ssh", "70000", "9-8", "22/icmp", "-", "1-"})
    EXPECT_THAT(fault_of(glass("from = \"100.64.0.5\"\n" + good_key + "ports = [\"" + odd + "\"]\n")),
                HasSubstr("names no ports"))
        << odd;
  EXPECT_THAT(fault_of(glass("form = \"100.64.0.5\"\n" + good_key + "ports = [\"22\"]\n")), HasSubstr("\"from\""));
  EXPECT_THAT(fault_of(least + std::string("break_glass = 3\n")), HasSubstr("[[break_glass]]"));
}

TEST(Config, LettersBeyondAsciiStandInCommentsOnly) {
  EXPECT_TRUE(parse_config("# für die Zentrale\n" + std::string(least), "aclnode.toml"));
  EXPECT_THAT(fault_of(std::string(least) + "trust = \"/schlüssel\"\n"),
              HasSubstr("aclnode.toml:3:15: \"\\xc3\\xbcss\" is beyond ASCII"));
  EXPECT_THAT(fault_of("\xc7\x84 = 3\n"), HasSubstr("aclnode.toml:1:1:"));
}

// A mistake elsewhere in the file must not leave the interface open at the next boot.
TEST(GuardSettings, AreReadFromAFileThatHasMistakes) {
  const auto settings = guard_settings(std::string(least) + "sorce = 3\nmark = 0x10\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->interface, "wg0");
  EXPECT_EQ(settings->mark, 0x10U);
  for (const char* odd : {"", "interface = ", "interface = 3\n", "interface = \"a/b\"\n",
                          "interface = \"wg0\"\nmark = 3\n", "interface = \"wg0\"\nmark = -1\n"})
    EXPECT_FALSE(guard_settings(odd)) << odd;
}

RC_GTEST_PROP(Config, WhatIsPrintedReadsBack, ()) {
  Config config;
  config.interface = "wg0";
  config.source.url = "/r/" + *rc::gen::container<std::string>(
                                  rc::gen::oneOf(rc::gen::inRange(' ', '\x7e'), rc::gen::element('"', '\\')));
  config.state_dir = "/state";
  config.flow_records = *rc::gen::inRange<std::uint32_t>(1024, 16'777'216);
  config.mark = 1U << *rc::gen::inRange(0, 31);
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    BreakGlass entry;
    entry.from = net::Prefix(net::Address::v4(*rc::gen::arbitrary<std::uint32_t>()), *rc::gen::inRange(0U, 33U));
    entry.key[3] = *rc::gen::arbitrary<std::uint8_t>();
    entry.ports = {{6, 22, *rc::gen::inRange<std::uint16_t>(22, 65535)}};
    config.break_glass.push_back(entry);
  }
  const auto read = parse_config(print_config(config), "x");
  RC_ASSERT(read.has_value());
  RC_ASSERT(print_config(*read) == print_config(config));
  RC_ASSERT(read->source.url == config.source.url);
  RC_ASSERT(read->break_glass.size() == config.break_glass.size());
}

TEST(Config, LoginsAreOffUnlessSwitchedOn) {
  EXPECT_FALSE(parse_config(least, "x")->ssh.enabled);
  EXPECT_FALSE(parse_config(std::string(least) + "[ssh]\n", "x")->ssh.enabled);
  EXPECT_TRUE(parse_config(std::string(least) + "[ssh]\nenabled = true\n", "x")->ssh.enabled);
}

TEST(Config, LoginSettingsAreOfTheirKindAndInRange) {
  const auto ssh = [](const std::string& line) { return fault_of(least + ("[ssh]\n" + line)); };
  EXPECT_EQ(ssh("enabled = 1\n"), "aclnode.toml:4:11: \"enabled\" is true or false | ");
  EXPECT_EQ(ssh("enable = true\n"), "aclnode.toml:4:1: unknown key \"enable\" | did you mean \"enabled\"?");
  EXPECT_THAT(ssh("deny_users = \"root\"\n"), HasSubstr("\"deny_users\" is a list of texts"));
  EXPECT_THAT(ssh("deny_users = [\"root\", 3]\n"), HasSubstr("aclnode.toml:4:23: \"deny_users\" is a list of texts"));
  EXPECT_THAT(ssh("max_starting = 0\n"), HasSubstr("is a number from 1 to"));
  EXPECT_THAT(ssh("host_keys = \"keys\"\n"), HasSubstr("\"host_keys\" = \"keys\" is no absolute path"));
  EXPECT_THAT(ssh("session_socket = \"/" + std::string(108, 'x') + "\"\n"), HasSubstr("too long for a socket's name"));
  EXPECT_THAT(fault_of(std::string(least) + "ssh = true\n"), HasSubstr("\"ssh\" is a table"));
}

TEST(Config, ABreakGlassLoginOpensPort22AndNeedsLoginsToBeOn) {
  const std::string entry = glass("from = \"100.64.0.5\"\nkey = \"" + key + "\"\nlogin = \"root\"\n");
  EXPECT_THAT(fault_of(entry), HasSubstr("the login \"root\" of break-glass needs [ssh] and enabled = true"));
  const auto open = parse_config(entry + "[ssh]\nenabled = true\n", "x");
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_EQ(open->break_glass[0].ports, (std::vector<PortSpan>{{6, 22, 22}}));
  // While they are off, ports are what they say and no more: port 22 would be another program's.
  const auto off = parse_config(entry + "ports = [\"80/tcp\"]\n", "x");
  ASSERT_TRUE(off) << off.error().message;
  EXPECT_EQ(off->break_glass[0].ports, (std::vector<PortSpan>{{6, 80, 80}}));
}

RC_GTEST_PROP(Config, LoginSettingsAreReadBackAsTheyWerePrinted, ()) {
  Config config;
  config.interface = "wg0";
  config.source.url = "/srv/release";
  SshSettings& ssh = config.ssh;
  const auto word = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange(' ', '~')));
  ssh.enabled = *rc::gen::arbitrary<bool>();
  ssh.formality = *rc::gen::arbitrary<bool>();
  ssh.allow = {*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>(),
               *rc::gen::arbitrary<bool>()};
  ssh.deny_users = *rc::gen::container<std::vector<std::string>>(word);
  ssh.login_grace_s = *rc::gen::inRange(1U, 3600U);
  ssh.max_starting = *rc::gen::inRange(1U, 4096U);
  ssh.rekey_mb = *rc::gen::inRange(0U, 4096U);
  ssh.host_keys = *rc::gen::element<std::string>("", "/etc/ssh");
  ssh.pam_service = *word;
  const auto read = parse_config(print_config(config), "x");
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->ssh == ssh);
}

// --- [check] -----------------------------------------------------------------------------------------------------------------

TEST(ConfigOfChecks, WithoutTheTableEverythingHasItsDefault) {
  const auto config = parse_config(least, "aclnode.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->check, CheckSettings());
  EXPECT_TRUE(config->check.has("fido2"));
  EXPECT_EQ(config->check.wait_s, 120U);
  EXPECT_EQ(print_config(*config).find("[check"), std::string::npos);
}

TEST(ConfigOfChecks, AllOfItIsReadAndPrintedAlike) {
  const auto config = parse_config(least + std::string(R"([check]
methods = ["openid"]
wait_s = 30
max_waiting = 5
max_waiting_per_source = 2
tailnet = "example.com"
[check.openid]
issuer = "https://id.example.com"
client_id = "aclnode"
client_secret_file = "/etc/aclnode/secret"
keys_file = "/etc/aclnode/keys.json"
ca_file = "/etc/aclnode/ca.pem"
device_authorization_endpoint = "https://id.example.com/device"
token_endpoint = "https://id.example.com/token"
scope = "openid"
prompt = "login"
max_auth_age_s = 60
)"),
                                   "aclnode.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->check.has("fido2"));
  EXPECT_EQ(config->check.openid.token_endpoint, "https://id.example.com/token");
  EXPECT_EQ(config->check.openid.max_auth_age_s, 60U);
  const auto again = parse_config(print_config(*config), "aclnode.toml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->check, config->check);
}

TEST(ConfigOfChecks, WhatCannotBeMeantIsRefusedWithItsPlace) {
  const auto check = [](const std::string& body) { return fault_of(least + std::string("[check]\n") + body); };
  EXPECT_THAT(check("methods = [\"totp\"]\n"), HasSubstr("aclnode.toml:4:11: \"totp\" is no method of a check"));
  EXPECT_THAT(check("wait_s = 5\n"), HasSubstr("from 10 to 900"));
  EXPECT_THAT(check("wait = 50\n"), HasSubstr("did you mean \"wait_s\"?"));
  EXPECT_THAT(check("openid = 3\n"), HasSubstr("\"openid\" is a table"));
  EXPECT_THAT(fault_of(least + std::string("check = 3\n")), HasSubstr("\"check\" is a table: [check]"));
  const std::string whole = "[check.openid]\nissuer = \"https://a\"\nclient_id = \"b\"\nkeys_file = \"/c\"\n";
  EXPECT_EQ(check(whole), "(accepted)");
  EXPECT_THAT(check(whole + "secret = \"x\"\n"), HasSubstr("unknown key \"secret\""));
  EXPECT_THAT(check(whole + "token_endpoint = \"https://a/t\"\n"), HasSubstr("stand together"));
  EXPECT_THAT(check(whole + "ca_file = \"c\"\n"), HasSubstr("no absolute path"));
  EXPECT_THAT(check("[check.openid]\nissuer = \"http://a\"\n"), HasSubstr("no https:// address"));
  EXPECT_THAT(check("[check.openid]\nissuer = \"https://a\"\n"), HasSubstr("no \"client_id\""));
  EXPECT_THAT(check("[check.openid]\nissuer = \"https://a\"\nclient_id = \"b\"\n"), HasSubstr("\"keys_file\" = \"\""));
}

// --- [recording], [sshd] -----------------------------------------------------------------------------------------------------

TEST(ConfigOfRecordings, AreOfSessionsWhoseRuleNamesRecordersUnlessSaidOtherwise) {
  const auto config = parse_config(least + std::string("state_dir = \"/state\"\n"), "aclnode.toml");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->recording, RecordingSettings());
  EXPECT_EQ(recording_of(*config).dir, "/state/recordings");
  EXPECT_EQ(config->sshd.port, 0U);
  EXPECT_EQ(print_config(*config).find("[recording]"), std::string::npos);
}

TEST(ConfigOfRecordings, AllOfItIsReadAndPrintedAlike) {
  const auto config = parse_config(least + std::string(R"([recording]
sessions = "all"
dir = "/srv/recordings"
accept_local = true
keep_free_mb = 0
user = "1:1"
[sshd]
port = 2222
)"),
                                   "aclnode.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->recording, (RecordingSettings{"all", "/srv/recordings", true, 0, "1:1"}));
  EXPECT_EQ(config->sshd.port, 2222U);
  const auto again = parse_config(print_config(*config), "aclnode.toml");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->recording, config->recording);
  EXPECT_EQ(again->sshd, config->sshd);
}

TEST(ConfigOfRecordings, WhatIsWrongIsToldWithItsPlace) {
  const auto recording = [](const std::string& body) { return fault_of(least + std::string("[recording]\n") + body); };
  EXPECT_THAT(recording("sessions = \"some\"\n"), HasSubstr("aclnode.toml:4:12: \"sessions\" = \"some\""));
  EXPECT_THAT(recording("dir = \"here\"\n"), HasSubstr("no absolute path"));
  EXPECT_THAT(recording("folder = \"/x\"\n"), HasSubstr("unknown key \"folder\""));
  EXPECT_THAT(recording("user = \"\"\n"), HasSubstr("names nobody"));
  EXPECT_THAT(fault_of(least + std::string("[sshd]\n")), HasSubstr("no \"port\""));
  EXPECT_THAT(fault_of(least + std::string("[sshd]\nport = 70000\n")), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(fault_of(least + std::string("sshd = 2222\n")), HasSubstr("\"sshd\" is a table: [sshd]"));
}

}  // namespace
}  // namespace acl::node
