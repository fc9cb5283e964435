// The fields of the messages of forward_message.h, for login_message.cc alone.
#pragma once

#include <type_traits>

#include "node/protocol/coding.h"
#include "node/protocol/forward_message.h"
#include "node/protocol/login_message.h"

namespace acl::node::protocol {

template <class Io, class M>
void fields_of_forwarding(Io& io, M& m) {
  using T = std::remove_const_t<M>;
  if constexpr (std::is_same_v<T, Listening>) {
    io.number(m.listener);
    io.flag(m.there);
    io.number(m.port);
    io.text(m.words, longest_text, "words");
  } else if constexpr (std::is_same_v<T, Accepted>) {
    io.number(m.listener);
    io.text(m.source, longest_host, "source");
    io.number(m.port);
  } else if constexpr (std::is_same_v<T, Listen>) {
    io.number(m.listener);
    wire_enum(io, m.what, ListenKind::port, ListenKind::display);
    io.number(m.port);
    io.text(m.path, longest_socket_path, "path");
    io.flag(m.single);
    io.text(m.protocol, longest_x11_protocol, "protocol of a display");
    io.text(m.cookie, longest_x11_cookie, "cookie of a display");
    io.number(m.screen);
  } else if constexpr (std::is_same_v<T, Unlisten>) {
    io.number(m.listener);
  } else if constexpr (std::is_same_v<T, ConnectPath>) {
    io.number(m.channel);
    io.text(m.path, longest_socket_path, "path");
  } else {
    static_assert(std::is_same_v<T, Taken>);
  }
}

template <class T>
inline constexpr bool is_of_forwarding =
    std::is_same_v<T, Listening> || std::is_same_v<T, Accepted> || std::is_same_v<T, Listen> ||
    std::is_same_v<T, Unlisten> || std::is_same_v<T, ConnectPath> || std::is_same_v<T, Taken>;

}  // namespace acl::node::protocol
