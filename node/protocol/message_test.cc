#include "node/protocol/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "node/protocol/channel.h"

namespace acl::node::protocol {
namespace {

using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// A message is what its bytes are: two that are written alike are alike.
void expect_round_trip(const FromNet& message) {
  const Bytes bytes = encode(message);
  const auto read = decode_from_net(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->index(), message.index());
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_LE(bytes.size(), longest_message);
}

TEST(Messages, OfAclnodeNetComeBackAsTheyWere) {
  const Bytes piece(longest_piece, 7);
  expect_round_trip(Changed{});
  expect_round_trip(Piece{1, piece});
  expect_round_trip(Complete{UINT64_MAX});
  expect_round_trip(Absent{2});
  expect_round_trip(Failed{3, "E1102: not reached"});
  expect_round_trip(Failed{3, ""});
  expect_round_trip(Trouble{"E1104: too slow"});
  expect_round_trip(Well{});
}

TEST(Messages, OfAclnodeComeBackAsTheyWere) {
  const Open open{"etcds://a:2379/acl", "/ca.pem", "/c.pem", "/k.pem", "node", "secret", "https://b/acl", 1234};
  const auto bytes = encode(ToNet{open});
  ASSERT_TRUE(bytes);
  const auto read = decode_to_net(*bytes);
  ASSERT_TRUE(read);
  const auto& again = std::get<Open>(*read);
  EXPECT_EQ(again.source, open.source);
  EXPECT_EQ(again.ca_file, open.ca_file);
  EXPECT_EQ(again.certificate_file, open.certificate_file);
  EXPECT_EQ(again.key_file, open.key_file);
  EXPECT_EQ(again.user, open.user);
  EXPECT_EQ(again.password, open.password);
  EXPECT_EQ(again.blobs, open.blobs);
  EXPECT_EQ(again.interval_ms, open.interval_ms);

  const auto got = decode_to_net(*encode(ToNet{Get{7, 40, 30'000, "latest"}}));
  ASSERT_TRUE(got);
  const auto& get = std::get<Get>(*got);
  EXPECT_EQ(get.id, 7U);
  EXPECT_EQ(get.limit, 40U);
  EXPECT_EQ(get.left_ms, 30'000U);
  EXPECT_EQ(get.name, "latest");
  EXPECT_EQ(std::get<Cancel>(*decode_to_net(*encode(ToNet{Cancel{9}}))).id, 9U);
}

// docs/protocol.md, to the byte.
TEST(Messages, HaveTheBytesThatTheDocumentGives) {
  EXPECT_EQ(*encode(ToNet{Cancel{0x0102}}), (Bytes{3, 2, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*encode(ToNet{Get{1, 40, 5, "ab"}}),
            (Bytes{2, 1, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 'a', 'b'}));
  EXPECT_EQ(encode(FromNet{Changed{}}), Bytes{16});
  EXPECT_EQ(encode(FromNet{Failed{1, "no"}}), (Bytes{20, 1, 0, 0, 0, 0, 0, 0, 0, 'n', 'o'}));
  EXPECT_EQ(encode(FromNet{Well{}}), Bytes{22});
}

TEST(Messages, TheLongestFitTheBound) {
  const std::string path(longest_path, 'x');
  const auto open = encode(ToNet{Open{path, path, path, path, std::string(longest_user, 'u'), path, path, 1}});
  ASSERT_TRUE(open);
  EXPECT_LE(open->size(), longest_message);
  EXPECT_TRUE(decode_to_net(*open));
}

TEST(Messages, ThatAreTooLongAreNotSent) {
  const auto open = encode(ToNet{Open{std::string(longest_path + 1, 'x'), {}, {}, {}, {}, {}, {}, 1}});
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::E1361);
  EXPECT_THAT(open.error().message, HasSubstr("source"));
  const auto zero = encode(ToNet{Open{"a", {}, {}, {}, {}, std::string("s\0t", 3), {}, 1}});
  ASSERT_FALSE(zero);
  EXPECT_THAT(zero.error().message, HasSubstr("password holds a zero byte"));
  EXPECT_FALSE(encode(ToNet{Get{1, 1, 1, std::string(longest_name + 1, 'x')}}));
  // Text for people is cut instead.
  EXPECT_EQ(encode(FromNet{Trouble{std::string(10'000, 'x')}}).size(), 1 + longest_text);
}

TEST(Messages, WithTooMuchOrTooLittleAreNone) {
  EXPECT_FALSE(decode_from_net({}));
  EXPECT_FALSE(decode_from_net(Bytes{99}));
  EXPECT_FALSE(decode_from_net(Bytes{16, 0}));
  EXPECT_FALSE(decode_from_net(Bytes{18, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_FALSE(decode_from_net(Bytes{17, 1, 0, 0, 0, 0, 0, 0, 0}));  // a piece of nothing
  Bytes piece = encode(FromNet{Piece{1, Bytes(longest_piece, 1)}});
  piece.push_back(1);
  EXPECT_FALSE(decode_from_net(piece));
  Bytes text = encode(FromNet{Trouble{std::string(longest_text, 'x')}});
  text.push_back('x');
  EXPECT_FALSE(decode_from_net(text));
  // What one side says, the other may not.
  EXPECT_FALSE(decode_from_net(*encode(ToNet{Cancel{1}})));
  EXPECT_FALSE(decode_to_net(encode(FromNet{Changed{}})));
}

TEST(Messages, TextOfTheOtherSideIsEscaped) {
  EXPECT_EQ(shown("plain text"), "plain text");
  EXPECT_EQ(shown("\x1b[2Ja\nb\\\xff"), "\\x1b[2Ja\\x0ab\\x5c\\xff");
}

RC_GTEST_PROP(Messages, AnyBytesGiveAMessageThatIsWrittenAlikeOrNone,
              (std::uint8_t kind, std::vector<std::uint8_t> rest)) {
  Bytes bytes(rest.size() + 1, static_cast<std::uint8_t>(kind % 24));
  std::copy(rest.begin(), rest.end(), bytes.begin() + 1);
  if (const auto message = decode_from_net(bytes)) RC_ASSERT(encode(*message) == bytes);
  if (const auto message = decode_to_net(bytes)) RC_ASSERT(*encode(*message) == bytes);
}

RC_GTEST_PROP(Messages, RequestsComeBackAsTheyWere, (std::uint64_t id, std::uint64_t limit, std::uint32_t left)) {
  const auto size = static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(longest_name)));
  const std::string name(size, 'n');
  const auto read = decode_to_net(*encode(ToNet{Get{id, limit, left, name}}));
  RC_ASSERT(read.has_value());
  const auto& get = std::get<Get>(*read);
  RC_ASSERT(get.id == id && get.limit == limit && get.left_ms == left && get.name == name);
}

class Channels : public ::testing::Test {
 protected:
  Channels() { socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_.data()); }
  ~Channels() override {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  std::array<int, 2> ends_{-1, -1};
  Bytes buffer_ = Bytes(longest_message);
};

TEST_F(Channels, KeepMessagesApart) {
  ASSERT_EQ(send_message(ends_[0], bytes_of("one"), Wait::no), Sent::sent);
  ASSERT_EQ(send_message(ends_[0], bytes_of("two and more"), Wait::no), Sent::sent);
  const Received one = receive_message(ends_[1], buffer_);
  ASSERT_EQ(one.state, Received::State::message);
  EXPECT_EQ(Bytes(one.message.begin(), one.message.end()), bytes_of("one"));
  const Received two = receive_message(ends_[1], buffer_);
  EXPECT_EQ(Bytes(two.message.begin(), two.message.end()), bytes_of("two and more"));
  EXPECT_EQ(receive_message(ends_[1], buffer_).state, Received::State::nothing);
}

TEST_F(Channels, TellAMessageThatIsTooLong) {
  ASSERT_EQ(send_message(ends_[0], Bytes(longest_message + 1), Wait::no), Sent::sent);
  EXPECT_EQ(receive_message(ends_[1], buffer_).state, Received::State::too_long);
  ASSERT_EQ(send_message(ends_[0], Bytes(longest_message), Wait::no), Sent::sent);
  EXPECT_EQ(receive_message(ends_[1], buffer_).state, Received::State::message);
}

TEST_F(Channels, TellThatTheOtherSideDoesNotReadOrIsGone) {
  const Bytes message(longest_piece, 1);
  Sent sent = Sent::sent;
  for (int i = 0; i < 10'000 && sent == Sent::sent; ++i) sent = send_message(ends_[0], message, Wait::no);
  EXPECT_EQ(sent, Sent::full);
  close(ends_[1]);
  ends_[1] = -1;
  EXPECT_EQ(send_message(ends_[0], message, Wait::yes), Sent::closed);
  EXPECT_EQ(receive_message(ends_[0], buffer_).state, Received::State::closed);
}

TEST_F(Channels, DropDescriptorsThatNobodyAskedFor) {
  std::array<char, CMSG_SPACE(sizeof(int))> control{};
  std::array<char, 1> byte{'x'};
  iovec part{byte.data(), byte.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  std::copy_n(reinterpret_cast<const char*>(&pipe_ends[1]), sizeof(int), reinterpret_cast<char*>(CMSG_DATA(head)));
  ASSERT_EQ(sendmsg(ends_[0], &message, 0), 1);
  close(pipe_ends[1]);
  ASSERT_EQ(receive_message(ends_[1], buffer_).state, Received::State::message);
  // Nobody holds the writing end any more.
  EXPECT_EQ(read(pipe_ends[0], byte.data(), 1), 0);
  close(pipe_ends[0]);
}

}  // namespace
}  // namespace acl::node::protocol
