#include "lsp/server/worker.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace acl::lsp {
namespace {

using Words = std::vector<std::string>;

Worker::Finish throws(const std::atomic<bool>&) { throw std::runtime_error("no room"); }

TEST(Worker, RunsWhatAJobLeftWhenItIsCollected) {
  Worker worker(Worker::Threads::none, [] {});
  Words seen;
  worker.post("a", "A", [&](const std::atomic<bool>&) { return [&] { seen.push_back("done"); }; }, {});
  EXPECT_FALSE(worker.idle());
  EXPECT_TRUE(worker.collect());
  EXPECT_EQ(seen, Words{"done"});
  EXPECT_FALSE(worker.collect());
  EXPECT_TRUE(worker.idle());
}

TEST(Worker, AJobThatThrowsIsToldToWhoeverWaitsForIt) {
  for (const auto threads : {Worker::Threads::none, Worker::Threads::one}) {
    std::atomic<bool> woken{false};
    Worker worker(threads, [&] {
      woken = true;
      woken.notify_all();
    });
    Words seen;
    worker.post("a", "A", throws, [&](const std::string& reason) { seen.push_back(reason); });
    if (threads == Worker::Threads::one) woken.wait(false);
    EXPECT_TRUE(worker.collect());
    EXPECT_EQ(seen, Words{"no room"});
    EXPECT_TRUE(worker.idle());
  }
}

TEST(Worker, AFailedJobThatWasCancelledIsToldToNobody) {
  Worker worker(Worker::Threads::none, [] {});
  Words seen;
  worker.post(
      "a", "A",
      [&](const std::atomic<bool>& cancelled) -> Worker::Finish {
        worker.cancel("a");
        return throws(cancelled);
      },
      [&](const std::string& reason) { seen.push_back(reason); });
  EXPECT_TRUE(worker.collect());
  EXPECT_EQ(seen, Words{});
}

TEST(Worker, WhatThrowsWhileItIsCollectedIsToldAndTheOtherJobsStay) {
  Worker worker(Worker::Threads::none, [] {});
  Words seen;
  const auto failed = [&](const std::string& reason) { seen.push_back(reason); };
  worker.post(
      "a", "A", [](const std::atomic<bool>&) { return [] { throw std::runtime_error("too late"); }; }, failed);
  worker.post(
      "b", "B", [&](const std::atomic<bool>&) { return [&] { seen.push_back("b"); }; }, failed);
  EXPECT_THROW(worker.collect(), std::runtime_error);
  EXPECT_TRUE(worker.collect());
  EXPECT_EQ(seen, (Words{"too late", "b"}));
}

}  // namespace
}  // namespace acl::lsp
