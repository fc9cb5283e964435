// An eBPF program of this folder, loaded for a test and run through BPF_PROG_TEST_RUN. Needs root (CAP_BPF, CAP_NET_ADMIN) and a kernel with
// BPF; says so and skips elsewhere. A program that the verifier refuses fails the test with the verifier's words.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "node/enforce/kernel_testing.h"

namespace acl {

// The program `name` of the object file ACL_BPF_OBJECT. A fixture with a SetUp() of its own calls this one and stops unless ready().
class KernelProgram : public testing::Test {
 protected:
  explicit KernelProgram(const char* name) : name_(name) {}

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "NOT TESTED: loading an eBPF program needs root";
    log().clear();
    libbpf_set_print(keep_log);
    object_.reset(bpf_object__open_file(ACL_BPF_OBJECT, nullptr));
    ASSERT_TRUE(object_) << ACL_BPF_OBJECT << ": " << std::strerror(errno);
    const int loaded = bpf_object__load(object_.get());
    if (loaded == -EPERM || loaded == -ENOSYS) {
      GTEST_SKIP() << "NOT TESTED: this kernel or container allows no eBPF: " << std::strerror(-loaded);
    }
    ASSERT_EQ(loaded, 0) << log();
    program_ = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), name_));
    ASSERT_GE(program_, 0);
  }
  [[nodiscard]] bool ready() const noexcept { return program_ >= 0; }

  // The descriptor of a map.
  [[nodiscard]] int map(const char* name) const { return bpf_object__find_map_fd_by_name(object_.get(), name); }

  // What the program returns for a packet, with a context if it reads one.
  [[nodiscard]] std::uint32_t run(std::span<const std::uint8_t> packet, __sk_buff* context = nullptr) const {
    const node::TestRun done = node::test_run(program_, packet, context);
    EXPECT_EQ(done.error, 0) << std::strerror(-done.error);
    return done.returned;
  }

 private:
  struct CloseObject {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };

  // What libbpf and the verifier said.
  static std::string& log() {
    static std::string text;
    return text;
  }
  static int keep_log(enum libbpf_print_level level, const char* format, va_list arguments) {
    if (level > LIBBPF_INFO) return 0;
    char line[4096];
    const int length = std::vsnprintf(line, sizeof line, format, arguments);
    log() += line;
    return length;
  }

  const char* name_;
  std::unique_ptr<bpf_object, CloseObject> object_;
  int program_ = -1;
};

}  // namespace acl
