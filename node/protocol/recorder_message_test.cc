#include "node/protocol/recorder_message.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace acl::node::protocol {
namespace {

TEST(RecorderMessages, HaveTheBytesThatTheDocumentGives) {
  EXPECT_EQ(*encode(ToRecorder(RecordChannel{1, true, false, 2, 3})),
            (Bytes{128, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*encode(ToRecorder(RecordResize{1, 80, 24, 0, 0})), (Bytes{129, 1, 0, 0, 0, 80, 0, 24, 0, 0, 0, 0, 0}));
  EXPECT_EQ(*encode(ToRecorder(RecordDrain{7})), (Bytes{130, 7, 0, 0, 0}));
  EXPECT_EQ(*encode(FromRecorder(RecorderReady{})), (Bytes{144}));
  EXPECT_EQ(*encode(FromRecorder(RecordLost{7, "no"})), (Bytes{145, 7, 0, 0, 0, 2, 0, 'n', 'o'}));
  EXPECT_EQ(*encode(FromRecorder(RecordDrained{7})), (Bytes{146, 7, 0, 0, 0}));
}

RC_GTEST_PROP(RecorderMessages, OfAnyBytesAreReadOrRefused, (Bytes bytes)) {
  if (!bytes.empty()) bytes[0] = *rc::gen::inRange<std::uint8_t>(126, 149);
  if (const auto message = decode_to_recorder(bytes)) RC_ASSERT(*encode(*message) == bytes);
  if (const auto message = decode_from_recorder(bytes)) RC_ASSERT(*encode(*message) == bytes);
}

}  // namespace
}  // namespace acl::node::protocol
