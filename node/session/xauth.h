// A display's cookie for the programs of the user: xauth(1), run as the user, writes it into the user's file. The cookie goes through a pipe,
// as arguments can be read by everybody.
//
// In: the display ("localhost:10"), protocol and cookie as the client sent them. Only what is in their form gets to xauth, whose input is a
// language. One xauth at a time holds the file's lock, so it can take a while: it is waited for by its pidfd.
#pragma once

#include <sys/types.h>

#include <string>

#include "engine/net/fd.h"

namespace acl::node::session {

class Xauth {
 public:
  Xauth() = default;  // none
  Xauth(Xauth&&) noexcept = default;
  Xauth& operator=(Xauth&&) noexcept = default;
  Xauth(const Xauth&) = delete;
  Xauth& operator=(const Xauth&) = delete;

  // Words: why it cannot be; empty: it runs.
  std::string start(const std::string& display, const std::string& protocol, const std::string& cookie);
  // To be polled for reading; -1: none runs.
  [[nodiscard]] int process() const noexcept { return process_.get(); }
  // It has ended: words are empty, or say how it failed.
  std::string finish();

 private:
  pid_t pid_ = -1;
  Fd process_;
};

// Letters, digits and a few signs that mean nothing to xauth; an even number of hexadecimal digits.
bool is_x11_protocol(const std::string& text) noexcept;
bool is_x11_cookie(const std::string& text) noexcept;

}  // namespace acl::node::session
