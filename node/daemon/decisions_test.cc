#include "node/daemon/decisions.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/net/fd.h"

namespace acl::node {
namespace {

using ::testing::HasSubstr;

struct Pair {
  Fd ours, theirs;
};
// As journald has it, and as a shell has it.
Pair stream() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}
Pair pipe_of() {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  return {Fd(ends[1]), Fd(ends[0])};
}

// What can be read now; each line must be JSON.
std::vector<nlohmann::json> lines(int fd) {
  std::string text;
  char buffer[65536];
  fcntl(fd, F_SETFL, O_NONBLOCK);
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  std::vector<nlohmann::json> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    out.push_back(nlohmann::json::parse(text.substr(at, end - at), nullptr, false));
    EXPECT_TRUE(out.back().is_object()) << text.substr(at, end - at);
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return out;
}

TEST(Decisions, AreLinesOfJson) {
  const Pair pair = stream();
  Decisions decisions = Decisions::to(pair.ours.get());
  decisions.record(0, "enforcing", {{"generation", "1.17"}, {"odd", "a\nb\xff"}});
  const auto read = lines(pair.theirs.get());
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0]["event"], "enforcing");
  EXPECT_EQ(read[0]["generation"], "1.17");
}

// The test would hang if the daemon did.
TEST(Decisions, AReaderThatHangsHoldsUpNothing) {
  for (const Pair& pair : {stream(), pipe_of()}) {
    Decisions decisions = Decisions::to(pair.ours.get());
    std::size_t made = 0;
    while (decisions.lost() < 100) {
      decisions.record(0, "filter", {{"number", std::to_string(made++)}});
      ASSERT_LT(made, 1'000'000U);
    }
    std::size_t seen = 0;
    std::int64_t last = -1;
    const auto take = [&] {
      for (const auto& line : lines(pair.theirs.get())) {
        if (line["event"] == "lost") {
          EXPECT_EQ(line["records"], "100");
          continue;
        }
        const std::int64_t number = std::stoll(line["number"].get<std::string>());
        EXPECT_GT(number, last) << "in order, none twice";
        last = number;
        ++seen;
      }
    };
    for (int i = 0; i < 100; ++i) {
      take();
      decisions.flush(0);
    }
    take();
    EXPECT_EQ(seen + 100, made) << "what was kept and what was counted is all there was";
    decisions.record(0, "filter", {{"number", std::to_string(made)}});
    take();
    EXPECT_EQ(last, static_cast<std::int64_t>(made)) << "and it goes on";
    EXPECT_EQ(decisions.lost(), 100U);
  }
}

TEST(Decisions, AReaderThatIsGoneIsCounted) {
  Pair pair = stream();
  Decisions decisions = Decisions::to(pair.ours.get());
  pair.theirs = Fd();
  decisions.record(0, "started", {});
  decisions.record(0, "stopped", {});
  EXPECT_EQ(decisions.lost(), 2U);
}

TEST(Decisions, ANamedPipeThatNobodyReadsIsRefusedAtOnce) {
  char folder[] = "/tmp/decisions-test-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const auto opened = Decisions::open(path);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr(path));
  unlink(path.c_str());
  rmdir(folder);
}

TEST(Decisions, WhatWasNotTakenGoesToTheNextPlace) {
  const Pair hung = stream(), next = stream();
  Decisions decisions = Decisions::to(hung.ours.get());
  std::size_t made = 0;
  while (decisions.lost() == 0) decisions.record(0, "filter", {{"number", std::to_string(made++)}});
  decisions.move_to(Decisions::to(next.ours.get()));
  std::size_t lost = 0;
  for (int i = 0; i < 10; ++i) {
    decisions.flush(0);
    for (const auto& line : lines(next.theirs.get())) lost += line.value("event", "") == "lost" ? 1 : 0;
  }
  EXPECT_EQ(lost, 1U);
}

}  // namespace
}  // namespace acl::node
