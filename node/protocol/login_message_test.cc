#include "node/protocol/login_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace acl::node::protocol {
namespace {

using ::testing::HasSubstr;

Bytes some_bytes(std::size_t most) { return *rc::gen::resize(static_cast<int>(most), rc::gen::arbitrary<Bytes>()); }
std::string some_text(std::size_t most) {
  auto text = *rc::gen::resize(static_cast<int>(most), rc::gen::string<std::string>());
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return text.substr(0, most);
}
template <class T>
T some() {
  return *rc::gen::arbitrary<T>();
}

FromSsh some_open() {
  OpenChannel open;
  open.channel = some<std::uint32_t>();
  open.kind = *rc::gen::element(OpenKind::shell, OpenKind::exec, OpenKind::subsystem);
  open.has_terminal = some<bool>();
  open.terminal = {some_text(100),        some<std::uint32_t>(), some<std::uint32_t>(),
                   some<std::uint32_t>(), some<std::uint32_t>(), some_bytes(100)};
  if (some<bool>()) open.agent = some<std::uint32_t>();
  if (some<bool>()) open.display = some<std::uint32_t>();
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) open.environment.emplace_back(some_text(20), some_text(50));
  open.command = some_text(200);
  return open;
}

FromSsh some_listen() {
  return Listen{some<std::uint32_t>(), *rc::gen::element(ListenKind::port, ListenKind::path, ListenKind::display),
                some<std::uint16_t>(), some_text(longest_socket_path),
                some<bool>(),          some_text(longest_x11_protocol),
                some_text(100),        some<std::uint32_t>()};
}

FromSsh some_from_ssh() {
  switch (*rc::gen::inRange(0, 13)) {
    case 0: return Sign{some<std::uint32_t>(), some<std::uint8_t>(), some_bytes(longest_to_sign - 1)};
    case 1: return Login{some<std::uint32_t>(), some_text(100), *rc::gen::element(Method::none, Method::password)};
    case 2: return some_open();
    case 3: return Signal{some<std::uint32_t>(), some_text(20)};
    case 4: return Closed{some<std::uint32_t>()};
    case 5: return Connect{some<std::uint32_t>(), some_text(100), some<std::uint16_t>()};
    case 6: return some_listen();
    case 7: return Unlisten{some<std::uint32_t>()};
    case 8: return ConnectPath{some<std::uint32_t>(), some_text(longest_socket_path)};
    case 9: return Taken{};
    case 10: return ChallengeAnswer{some<std::uint32_t>(), some_text(300)};
    case 11:
      return Resize{some<std::uint32_t>(), some<std::uint32_t>(), some<std::uint32_t>(), some<std::uint32_t>(),
                    some<std::uint32_t>()};
    default: return Over{some_text(100)};
  }
}

ToSsh some_to_ssh() {
  switch (*rc::gen::inRange(0, 10)) {
    case 0: {
      Welcome welcome;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) welcome.host_keys.push_back({some_text(20), some_bytes(100)});
      welcome.keepalive_s = some<std::uint32_t>();
      welcome.rekey_bytes = some<std::uint64_t>();
      welcome.formality = some<bool>();
      return welcome;
    }
    case 1: return Signature{some<std::uint32_t>(), some_bytes(100)};
    case 2:
      return LoginVerdict{some<std::uint32_t>(), some<bool>(), some<bool>(), some<bool>(), some<bool>(), some_text(90)};
    case 3: return Opened{some<std::uint32_t>(), *rc::gen::element(ChannelKind::terminal, ChannelKind::socket)};
    case 4: return Refused{some<std::uint32_t>(), some_text(100)};
    case 5: return Exited{some<std::uint32_t>(), some<bool>(), some<std::uint32_t>(), some_text(10), some<bool>()};
    case 6: return Listening{some<std::uint32_t>(), some<bool>(), some<std::uint16_t>(), some_text(100)};
    case 7: return Accepted{some<std::uint32_t>(), some_text(40), some<std::uint16_t>()};
    case 8: return Challenge{some<std::uint32_t>(), some_text(90), some<bool>(), some_text(90), some_text(90)};
    default: return End{some_text(100)};
  }
}

// Written, read and written again it is the same; no beginning of it is a message, nor is anything longer.
template <class Decode, class Message>
void check_form(const Message& message, Decode decode) {
  const auto bytes = encode(message);
  RC_ASSERT(bytes.has_value());
  RC_ASSERT(bytes->size() <= longest_login_message);
  const auto read = decode(ByteView(*bytes));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->index() == message.index());
  RC_ASSERT(*encode(*read) == *bytes);
  Bytes other = *bytes;
  other.push_back(0);
  RC_ASSERT(!decode(ByteView(other)).has_value());
  other.resize(*rc::gen::inRange<std::size_t>(0, bytes->size()));
  RC_ASSERT(!decode(ByteView(other)).has_value());
}

RC_GTEST_PROP(LoginMessages, OfAclnodeSshComeThroughUnchanged, ()) { check_form(some_from_ssh(), decode_from_ssh); }
RC_GTEST_PROP(LoginMessages, ToAclnodeSshComeThroughUnchanged, ()) { check_form(some_to_ssh(), decode_to_ssh); }

// The kinds of one direction are no messages of the other.
RC_GTEST_PROP(LoginMessages, OfOneDirectionAreNotTakenForTheOther, ()) {
  RC_ASSERT(!decode_to_ssh(*encode(some_from_ssh())).has_value());
  RC_ASSERT(!decode_from_ssh(*encode(some_to_ssh())).has_value());
}

RC_GTEST_PROP(LoginMessages, OfAnyBytesAreReadOrRefused, (Bytes bytes)) {
  if (!bytes.empty()) bytes[0] = *rc::gen::inRange<std::uint8_t>(30, 64);
  if (const auto message = decode_from_ssh(bytes)) RC_ASSERT(*encode(*message) == bytes);
  if (const auto message = decode_to_ssh(bytes)) RC_ASSERT(*encode(*message) == bytes);
}

TEST(LoginMessages, HaveTheBytesThatTheDocumentGives) {
  EXPECT_EQ(*encode(ToSsh(Exited{7, true, 0, "TERM", false})),
            (Bytes{37, 7, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 'T', 'E', 'R', 'M', 0}));
  EXPECT_EQ(*encode(FromSsh(Login{1, "ann", Method::publickey})), (Bytes{49, 1, 0, 0, 0, 3, 0, 'a', 'n', 'n', 2}));
  EXPECT_EQ(*encode(FromSsh(Resize{1, 80, 24, 0, 0})),
            (Bytes{60, 1, 0, 0, 0, 80, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*encode(FromSsh(Connect{2, "db", 5432})), (Bytes{53, 2, 0, 0, 0, 2, 0, 'd', 'b', 0x38, 0x15}));
  EXPECT_EQ(*encode(ToSsh(Listening{2, true, 8080, ""})), (Bytes{40, 2, 0, 0, 0, 1, 0x90, 0x1f, 0, 0}));
  EXPECT_EQ(*encode(ToSsh(Accepted{2, "::1", 9})), (Bytes{41, 2, 0, 0, 0, 3, 0, ':', ':', '1', 9, 0}));
  EXPECT_EQ(*encode(FromSsh(Unlisten{2})), (Bytes{57, 2, 0, 0, 0}));
  EXPECT_EQ(*encode(FromSsh(ConnectPath{2, "/s"})), (Bytes{58, 2, 0, 0, 0, 2, 0, '/', 's'}));
  EXPECT_EQ(*encode(FromSsh(Taken{})), (Bytes{59}));
  EXPECT_EQ(*encode(ToSsh(Challenge{3, "a", true, "b", "c"})),
            (Bytes{39, 3, 0, 0, 0, 1, 0, 'a', 1, 1, 0, 'b', 1, 0, 'c'}));
  EXPECT_EQ(*encode(FromSsh(ChallengeAnswer{3, "x"})), (Bytes{55, 3, 0, 0, 0, 1, 0, 'x'}));
}

TEST(LoginMessages, BeyondTheirBoundsAreNotWritten) {
  const auto fault = [](const FromSsh& message) {
    const auto bytes = encode(message);
    return bytes ? std::string() : bytes.error().message;
  };
  EXPECT_EQ(fault(Login{1, std::string(longest_account, 'a'), Method::none}), "");
  EXPECT_THAT(fault(Login{1, std::string(longest_account + 1, 'a'), Method::none}), HasSubstr("user"));
  EXPECT_THAT(fault(Login{1, std::string("a\0b", 3), Method::none}), HasSubstr("zero byte"));
  EXPECT_EQ(fault(Sign{1, 0, Bytes(longest_to_sign)}), "");
  EXPECT_THAT(fault(Sign{1, 0, Bytes(longest_to_sign + 1)}), HasSubstr("data to sign"));
  EXPECT_EQ(fault(ChallengeAnswer{1, std::string(longest_check_answer, 'x')}), "");
  EXPECT_THAT(fault(ChallengeAnswer{1, std::string(longest_check_answer + 1, 'x')}), HasSubstr("answer to a check"));
  OpenChannel open;
  open.command.assign(longest_command, 'x');
  EXPECT_EQ(fault(open), "");
  open.environment.assign(most_variables, {"A", "b"});
  EXPECT_EQ(fault(open), "");
  open.environment.emplace_back("A", "b");
  EXPECT_THAT(fault(open), HasSubstr("environment"));
  open.environment.assign(7, {"A", std::string(longest_variable, 'x')});
  EXPECT_THAT(fault(open), HasSubstr("environment"));
}

TEST(LoginMessages, BeyondTheirBoundsAreNotRead) {
  // A login of a user of 257 bytes, in every other way in form.
  Bytes login = {49, 1, 0, 0, 0, 1, 1};
  login.insert(login.end(), longest_account + 1, 'a');
  login.push_back(1);
  EXPECT_FALSE(decode_from_ssh(login));
  EXPECT_FALSE(decode_from_ssh(Bytes{49, 1, 0, 0, 0, 1, 0, 0, 1}));    // a zero byte in the name
  EXPECT_FALSE(decode_from_ssh(Bytes{49, 1, 0, 0, 0, 1, 0, 'a', 0}));  // no such method
  EXPECT_FALSE(decode_from_ssh(Bytes{49, 1, 0, 0, 0, 1, 0, 'a', 5}));
  EXPECT_FALSE(decode_to_ssh(Bytes{35, 1, 0, 0, 0, 4}));                             // no such kind of channel
  EXPECT_FALSE(decode_to_ssh(Bytes{37, 7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}));        // a flag of 2
  EXPECT_FALSE(decode_to_ssh(Bytes{32, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));  // five host keys
  EXPECT_FALSE(decode_from_ssh(Bytes{}));
}

TEST(LoginMessages, WithTooMuchEnvironmentInAllAreNotRead) {
  OpenChannel open;
  open.environment.assign(5, {"A", std::string(longest_variable, 'x')});
  auto bytes = *encode(FromSsh(open));
  ASSERT_TRUE(decode_from_ssh(bytes));
  // Two more of the same, written by hand.
  const std::size_t count_at = 1 + 4 + 1 + 1 + 2 + 16 + 2 + 1 + 1;
  ASSERT_EQ(bytes[count_at], 5);
  bytes[count_at] = 7;
  const Bytes one(bytes.begin() + count_at + 2, bytes.begin() + count_at + 2 + 2 + 1 + 2 + longest_variable);
  for (int i = 0; i < 2; ++i) bytes.insert(bytes.end() - 4, one.begin(), one.end());
  EXPECT_FALSE(decode_from_ssh(bytes));
}

}  // namespace
}  // namespace acl::node::protocol
