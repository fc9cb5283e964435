#include "node/protocol/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

namespace acl::node::protocol {
namespace {

struct Pair {
  Fd ours, theirs;
};
Pair make_pair_of_sockets() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

bool is_same_file(int a, int b) {
  struct stat of_a {
  }, of_b{};
  return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

const Bytes words = {1, 2, 3};

TEST(Descriptors, ArriveWithTheirMessageAndAreNotInherited) {
  const Pair pair = make_pair_of_sockets();
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, 0), 0);
  const Fd reading(ends[0]), writing(ends[1]);
  ASSERT_EQ(send_message(pair.ours.get(), words, ends, Wait::no), Sent::sent);
  Bytes buffer(16);
  const ReceivedWith got = receive_with_descriptors(pair.theirs.get(), buffer);
  ASSERT_EQ(got.state, Received::State::message);
  EXPECT_EQ(Bytes(got.message.begin(), got.message.end()), words);
  ASSERT_EQ(got.count, 2U);
  EXPECT_TRUE(is_same_file(got.descriptors[0].get(), reading.get()));
  EXPECT_TRUE(is_same_file(got.descriptors[1].get(), writing.get()));
  EXPECT_EQ(fcntl(got.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(Descriptors, AreNotNeeded) {
  const Pair pair = make_pair_of_sockets();
  ASSERT_EQ(send_message(pair.ours.get(), words, {}, Wait::no), Sent::sent);
  Bytes buffer(16);
  EXPECT_EQ(receive_with_descriptors(pair.theirs.get(), buffer).count, 0U);
  EXPECT_EQ(receive_with_descriptors(pair.theirs.get(), buffer).state, Received::State::nothing);
}

TEST(Descriptors, InGreaterNumberThanMayBeAreClosedWithTheirMessage) {
  const Pair pair = make_pair_of_sockets();
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  const Fd reading(ends[0]);
  {
    const Fd writing(ends[1]);
    std::vector<int> many(most_descriptors + 1, writing.get());
    EXPECT_EQ(send_message(pair.ours.get(), words, many, Wait::no), Sent::closed);
    // As another program would send them.
    iovec part{const_cast<std::uint8_t*>(words.data()), words.size()};
    std::vector<char> control(CMSG_SPACE(many.size() * sizeof(int)));
    msghdr whole{};
    whole.msg_iov = &part;
    whole.msg_iovlen = 1;
    whole.msg_control = control.data();
    whole.msg_controllen = control.size();
    cmsghdr* const head = CMSG_FIRSTHDR(&whole);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(many.size() * sizeof(int));
    std::copy_n(reinterpret_cast<const char*>(many.data()), many.size() * sizeof(int),
                reinterpret_cast<char*>(CMSG_DATA(head)));
    ASSERT_GT(sendmsg(pair.ours.get(), &whole, 0), 0);
  }
  Bytes buffer(16);
  const ReceivedWith got = receive_with_descriptors(pair.theirs.get(), buffer);
  EXPECT_EQ(got.state, Received::State::too_long);
  EXPECT_EQ(got.count, 0U);
  // None of them is left: the pipe is at its end.
  char byte = 0;
  EXPECT_EQ(read(reading.get(), &byte, 1), 0);
}

TEST(Descriptors, ComeWithAMessageThatIsTooLongAndAreStillOwned) {
  const Pair pair = make_pair_of_sockets();
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  const Fd reading(ends[0]);
  {
    const Fd writing(ends[1]);
    const int lent[] = {writing.get()};
    ASSERT_EQ(send_message(pair.ours.get(), Bytes(100), lent, Wait::no), Sent::sent);
  }
  {
    Bytes buffer(16);
    EXPECT_EQ(receive_with_descriptors(pair.theirs.get(), buffer).state, Received::State::too_long);
  }
  char byte = 0;
  EXPECT_EQ(read(reading.get(), &byte, 1), 0);
}

}  // namespace
}  // namespace acl::node::protocol
