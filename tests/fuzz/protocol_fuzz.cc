// What aclnode-net may say to aclnode, and aclnode to aclnode-net: a conversation of any bytes. Each message is a length of two
// bytes and as many bytes; a length of zero is an act of our own side instead: the byte after it asks or cancels.
//
// Nothing crashes or overreads; what decodes is written alike again; what is taken keeps the promises that the daemon builds on: no
// object gets more than was asked for, none ends twice, and unasked talk has its measure.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "node/protocol/conversation.h"
#include "node/protocol/message.h"

namespace {

using namespace acl::node::protocol;  // NOLINT(google-build-using-namespace): a program of one file

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "protocol_fuzz: %s\n", what);
  std::abort();
}

struct Object {
  std::uint64_t left = 0;
  bool ended = false;
};

class Daemon {
 public:
  void act(std::uint8_t what) {
    if (what % 2 == 0) {
      const std::uint64_t limit = what * 16U;
      if (const auto id = asked_.ask(limit)) objects_[*id] = {limit, false};
    } else {
      asked_.cancel(what / 2);
      if (const auto at = objects_.find(what / 2); at != objects_.end()) at->second.ended = true;
    }
    require(asked_.open() <= most_open, "more requests than there may be");
  }
  // Whether it goes on.
  bool hear(ByteView bytes) {
    const auto message = decode_from_net(bytes);
    if (!message) return false;
    const Bytes again = encode(*message);
    require(ByteView(again).size() == bytes.size() && std::equal(again.begin(), again.end(), bytes.begin()),
            "a message that is written otherwise than it was read");
    const Judged judged = asked_.hear(*message, 0);
    require((judged.verdict == Verdict::broken) == !judged.fault.empty(),
            "a fault without words, or words without one");
    if (judged.verdict == Verdict::take) taken(*message);
    return judged.verdict != Verdict::broken;
  }

 private:
  void taken(const FromNet& message) {
    if (const auto* piece = std::get_if<Piece>(&message)) {
      Object& object = known(piece->id);
      require(piece->bytes.size() <= object.left, "more than was asked for");
      object.left -= piece->bytes.size();
      return;
    }
    if (const auto* m = std::get_if<Complete>(&message)) known(m->id).ended = true;
    if (const auto* m = std::get_if<Absent>(&message)) known(m->id).ended = true;
    if (const auto* m = std::get_if<Failed>(&message)) known(m->id).ended = true;
    if (std::holds_alternative<Changed>(message) || std::holds_alternative<Trouble>(message) ||
        std::holds_alternative<Well>(message)) {
      require(++unasked_ <= most_chatter, "more talk than there may be");
    }
  }
  Object& known(std::uint64_t id) {
    const auto at = objects_.find(id);
    require(at != objects_.end(), "an answer to what was never asked");
    require(!at->second.ended, "an answer after the end");
    return at->second;
  }

  Asked asked_;
  std::map<std::uint64_t, Object> objects_;
  unsigned unasked_ = 0;
};

bool net_hears(Told& told, ByteView bytes) {
  const auto message = decode_to_net(bytes);
  if (!message) return false;
  const auto again = encode(*message);
  require(again && again->size() == bytes.size() && std::equal(again->begin(), again->end(), bytes.begin()),
          "a request that is written otherwise than it was read");
  const bool opened = told.opened();
  const Judged judged = told.hear(*message);
  if (judged.verdict == Verdict::broken) return false;
  require(opened != std::holds_alternative<Open>(*message), "not one open, first");
  return true;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView left(data, size);
  Daemon daemon;
  Told told;
  bool daemon_hears = true;
  bool net_listens = true;
  while (left.size() >= 3) {
    const std::size_t length = left[0] + std::size_t{left[1]} * 256;
    left = left.subspan(2);
    if (length == 0) {
      daemon.act(left[0]);
      left = left.subspan(1);
      continue;
    }
    const ByteView message = left.first(std::min(length, left.size()));
    left = left.subspan(message.size());
    // Copied, so that a read beyond the message is a read beyond an allocation.
    const Bytes bytes(message.begin(), message.end());
    daemon_hears = daemon_hears && daemon.hear(bytes);
    net_listens = net_listens && net_hears(told, bytes);
    require(!shown({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).empty(), "bytes that show as nothing");
    if (!daemon_hears && !net_listens) break;
  }
  return 0;
}
