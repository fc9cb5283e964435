// What users and strangers write, on its way into a recording and out of it: any bytes, cut anywhere, as text of asciicast; any bytes as a
// recording; and any bytes as messages between a login and its recorder.
//
// Nothing crashes or overreads; the text is the inside of a JSON string that fits, the same however the bytes are cut; what decodes is written
// alike again.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "node/daemon/recordings.h"
#include "node/protocol/recorder_message.h"
#include "node/session/asciicast.h"

namespace {

using acl::node::session::CastText;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "recorder_fuzz: %s\n", what);
  std::abort();
}

// In pieces of so many bytes.
std::string text_of(const std::uint8_t* data, std::size_t size, std::size_t piece) {
  CastText encoder;
  std::string all;
  for (std::size_t at = 0; at < size; at += piece) {
    const std::size_t now = std::min(piece, size - at);
    const auto room = std::make_unique<char[]>(now * CastText::widest + CastText::more);
    char* const end = encoder.put({data + at, now}, room.get());
    all.append(room.get(), end);
  }
  std::array<char, CastText::more> last{};
  all.append(last.data(), encoder.finish(last.data()));
  return all;
}

template <class Decoded>
void require_same(const Decoded& message, acl::node::protocol::ByteView bytes) {
  if (!message) return;
  const auto again = encode(*message);
  require(again && std::equal(again->begin(), again->end(), bytes.begin(), bytes.end()),
          "a message that is written otherwise than it was read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const acl::node::protocol::ByteView bytes(data, size);
  require_same(acl::node::protocol::decode_to_recorder(bytes), bytes);
  require_same(acl::node::protocol::decode_from_recorder(bytes), bytes);
  const std::string text = text_of(data, size, size + 1);
  require(text == text_of(data, size, 1) && text == text_of(data, size, 7), "a text that depends on where it is cut");
  for (std::size_t i = 0; i < text.size(); ++i) {
    require(static_cast<unsigned char>(text[i]) >= 0x20 && text[i] != '"', "a text that is no inside of a string");
    if (text[i] == '\\') ++i;
  }
  if (size == 0) return 0;
  std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  if (std::FILE* const file = fmemopen(copy.data(), copy.size(), "r"); file != nullptr) {
    const auto done = acl::node::read_recording(file, "x.cast", [](const acl::node::CastEvent&) { return true; });
    static_cast<void>(done);
    std::fclose(file);
  }
  return 0;
}
