// A list of the system calls that a program may make from here on (seccomp(2), by libseccomp). Everything else kills it: SIGSYS.
#pragma once

#include <seccomp.h>

#include <cstdint>
#include <initializer_list>
#include <memory>

#include "engine/net/diagnostic.h"

namespace acl::node::confine {

// An argument has this value; or these bits of it have.
constexpr scmp_arg_cmp equal(unsigned argument, scmp_datum_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
constexpr scmp_arg_cmp masked(unsigned argument, scmp_datum_t bits, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, value};
}

class SystemCalls {
 public:
  SystemCalls();
  // All arguments are as given.
  void allow(int call, std::initializer_list<scmp_arg_cmp> arguments = {});
  // It fails with that error instead of killing.
  void refuse(int call, int error, std::initializer_list<scmp_arg_cmp> arguments = {});
  // In force, before any thread is started; or an error with that code, also of what went before.
  Expected<void> load(Code code);

 private:
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments);
  void note(int result) noexcept;

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

}  // namespace acl::node::confine
