#include "node/protocol/recorder_message.h"

#include "node/protocol/coding.h"

namespace acl::node::protocol {
namespace {

struct ToRecorderFields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    using T = std::remove_const_t<M>;
    io.number(m.channel);
    if constexpr (std::is_same_v<T, RecordChannel>) {
      io.flag(m.terminal);
      io.flag(m.enforce);
      io.number(m.written);
      io.number(m.keep_free);
    } else if constexpr (std::is_same_v<T, RecordResize>) {
      io.number(m.columns);
      io.number(m.rows);
      io.number(m.width);
      io.number(m.height);
    } else {
      static_assert(std::is_same_v<T, RecordDrain>);
    }
  }
};

struct FromRecorderFields {
  template <class Io, class M>
  static void walk([[maybe_unused]] Io& io, [[maybe_unused]] M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, RecordLost>) {
      io.number(m.channel);
      io.text(m.words, longest_text, "words");
    } else if constexpr (std::is_same_v<T, RecordDrained>) {
      io.number(m.channel);
    } else {
      static_assert(std::is_same_v<T, RecorderReady>);
    }
  }
};

constexpr std::uint8_t first_to_recorder = 128, first_from_recorder = 144;

}  // namespace

Expected<Bytes> encode(const ToRecorder& message) {
  return encode_variant<ToRecorderFields>(message, first_to_recorder);
}
Expected<ToRecorder> decode_to_recorder(ByteView bytes) {
  return decode_variant<ToRecorder, ToRecorderFields>(bytes, first_to_recorder);
}
Expected<Bytes> encode(const FromRecorder& message) {
  return encode_variant<FromRecorderFields>(message, first_from_recorder);
}
Expected<FromRecorder> decode_from_recorder(ByteView bytes) {
  return decode_variant<FromRecorder, FromRecorderFields>(bytes, first_from_recorder);
}

}  // namespace acl::node::protocol
