#include "node/confine/system_calls.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace acl::node::confine {

SystemCalls::SystemCalls() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release) {
  if (!context_) error_ = ENOMEM;
}

void SystemCalls::allow(int call, std::initializer_list<scmp_arg_cmp> arguments) {
  add(SCMP_ACT_ALLOW, call, arguments);
}

void SystemCalls::refuse(int call, int error, std::initializer_list<scmp_arg_cmp> arguments) {
  add(SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, arguments);
}

void SystemCalls::add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
  if (error_ != 0) return;
  note(
      seccomp_rule_add_array(context_.get(), action, call, static_cast<unsigned>(arguments.size()), arguments.begin()));
}

void SystemCalls::note(int result) noexcept {
  if (result < 0 && error_ == 0) error_ = -result;
}

Expected<void> SystemCalls::load(Code code) {
  if (error_ == 0) note(seccomp_load(context_.get()));
  if (error_ != 0) return fail(code, fmt::format("cannot filter system calls: {}", std::strerror(error_)));
  return {};
}

}  // namespace acl::node::confine
