#include "node/protocol/session_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace acl::node::protocol {
namespace {

using ::testing::HasSubstr;

std::string some_text(std::size_t most) {
  auto text = *rc::gen::resize(static_cast<int>(most), rc::gen::string<std::string>());
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return text.substr(0, most);
}
template <class T>
T some() {
  return *rc::gen::arbitrary<T>();
}
Endpoint some_endpoint() {
  const std::size_t size = *rc::gen::element<std::size_t>(4, 16);
  return {*rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>()), some<std::uint16_t>()};
}

ToSession some_to_session() {
  switch (*rc::gen::inRange(0, 6)) {
    case 0: {
      Begin begin;
      begin.number = some<std::uint64_t>();
      begin.source = some_endpoint();
      begin.own = some_endpoint();
      begin.grace_s = some<std::uint32_t>();
      begin.rekey_bytes = some<std::uint64_t>();
      begin.formality = some<bool>();
      for (std::string* each : {&begin.ssh_program, &begin.ssh_user, &begin.key_folder, &begin.pam_service,
                                &begin.sftp_server, &begin.resume_socket}) {
        *each = some_text(100);
      }
      return begin;
    }
    case 1: {
      Decision decision{some<std::uint32_t>(), some<bool>(),         some<bool>(),  some<bool>(), some<bool>(),
                        some<bool>(),          some<std::uint8_t>(), some_text(90), {},           some_text(90)};
      for (int i = *rc::gen::inRange(0, 5); i > 0; --i) decision.patterns.push_back(some_text(30));
      return decision;
    }
    case 2: return EndSession{some_text(100)};
    case 3: return KillLogin{some<std::uint64_t>()};
    case 4:
      return SessionChallenge{some<std::uint32_t>(),
                              {some<std::uint32_t>(), some_text(90), some<bool>(), some_text(90), some_text(90)}};
    case 5: return Record{some<bool>(), some_text(100), some_text(20), some<std::uint64_t>()};
    default: return GoOn{};
  }
}

FromSession some_from_session() {
  switch (*rc::gen::inRange(0, 7)) {
    case 0: return May{some<std::uint32_t>(), some_text(100), some<bool>(), some<bool>(), Method::keyboard_interactive};
    case 1: return LoggedIn{some_text(100)};
    case 3: return SessionAnswer{some<std::uint32_t>(), some_text(300)};
    case 2:
      return Resume{some<std::uint64_t>(), some_endpoint(),       some_endpoint(), some_text(90),
                    some<bool>(),          some<std::uint64_t>(), some<bool>(),    some<bool>(),
                    some<bool>(),          some<bool>(),          some_text(90),   some<bool>()};
    case 4: return Recording{some_text(100)};
    case 5: return NotRecorded{some_text(100)};
    default: return SessionOver{some_text(100)};
  }
}

// Written, read and written again it is the same; no beginning of it is a message, nor is anything longer.
template <class Decode, class Message>
void check_form(const Message& message, Decode decode) {
  const auto bytes = encode(message);
  RC_ASSERT(bytes.has_value());
  RC_ASSERT(bytes->size() <= longest_session_message);
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

RC_GTEST_PROP(SessionMessages, OfAclnodeComeThroughUnchanged, ()) { check_form(some_to_session(), decode_to_session); }
RC_GTEST_PROP(SessionMessages, ToAclnodeComeThroughUnchanged, ()) {
  check_form(some_from_session(), decode_from_session);
}

RC_GTEST_PROP(SessionMessages, OfAnyBytesAreReadOrRefused, (Bytes bytes)) {
  if (!bytes.empty()) bytes[0] = *rc::gen::inRange<std::uint8_t>(62, 92);
  if (const auto message = decode_to_session(bytes)) RC_ASSERT(*encode(*message) == bytes);
  if (const auto message = decode_from_session(bytes)) RC_ASSERT(*encode(*message) == bytes);
}

TEST(SessionMessages, HaveTheBytesThatTheDocumentGives) {
  EXPECT_EQ(*encode(FromSession(May{3, "ann", true, false, Method::none})),
            (Bytes{80, 3, 0, 0, 0, 3, 0, 'a', 'n', 'n', 1, 0, 1}));
  EXPECT_EQ(*encode(ToSession(GoOn{})), (Bytes{67}));
  EXPECT_EQ(*encode(ToSession(Record{true, "/r", "1:1", 5})),
            (Bytes{72, 1, 2, 0, '/', 'r', 3, 0, '1', ':', '1', 5, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*encode(FromSession(Recording{"a"})), (Bytes{85, 1, 0, 'a'}));
  EXPECT_EQ(*encode(ToSession(KillLogin{0x0102})), (Bytes{68, 2, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*encode(ToSession(Decision{3, true, false, true, false, true, narrowed_remote, "hi", {"A*"}, ""})),
            (Bytes{65, 3, 0, 0, 0, 1, 0, 1, 0, 1, 4, 2, 0, 'h', 'i', 1, 0, 2, 0, 'A', '*', 0, 0}));
  EXPECT_EQ(*encode(ToSession(SessionChallenge{120, {3, "a", true, "b", "c"}})),
            (Bytes{69, 120, 0, 0, 0, 3, 0, 0, 0, 1, 0, 'a', 1, 1, 0, 'b', 1, 0, 'c'}));
  EXPECT_EQ(*encode(FromSession(SessionAnswer{3, "x"})), (Bytes{84, 3, 0, 0, 0, 1, 0, 'x'}));
}

// Whoever reads one may count on four or sixteen bytes.
TEST(SessionMessages, WithAnAddressThatIsNoneAreNotRead) {
  for (const std::size_t size : {0U, 3U, 5U, 15U}) {
    Begin begin;
    begin.own.address = Bytes(4);
    begin.source.address = Bytes(size);
    EXPECT_FALSE(decode_to_session(*encode(ToSession(begin)))) << size;
    std::swap(begin.own, begin.source);
    EXPECT_FALSE(decode_to_session(*encode(ToSession(begin)))) << size;
    EXPECT_FALSE(decode_from_session(
        *encode(FromSession(Resume{1, {Bytes(4), 1}, {Bytes(size), 1}, "a", false, 0, {}, {}, {}, {}, {}}))));
  }
}

TEST(SessionMessages, BeyondTheirBoundsAreNotWritten) {
  Decision decision;
  decision.patterns.assign(most_patterns, std::string(longest_pattern, '*'));
  ASSERT_TRUE(encode(ToSession(decision)));
  EXPECT_LE(encode(ToSession(decision))->size(), longest_session_message);
  decision.patterns.emplace_back("x");
  EXPECT_THAT(encode(ToSession(decision)).error().message, HasSubstr("patterns"));
  EXPECT_THAT(encode(FromSession(LoggedIn{std::string(longest_account + 1, 'a')})).error().message, HasSubstr("user"));
}

}  // namespace
}  // namespace acl::node::protocol
