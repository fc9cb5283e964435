#include "engine/release/base64.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace acl::release {
namespace {

// No bytes are a value, too, wherever their place is said to be.
TEST(Base64, NothingIsTheEmptyText) {
  EXPECT_TRUE(decode_base64("", {}));
  EXPECT_FALSE(decode_base64("AA==", {}));
  EXPECT_EQ(encode_base64({}), "");
}

TEST(Base64, AValueHasOneText) {
  std::vector<std::uint8_t> byte(1);
  EXPECT_TRUE(decode_base64("AA==", byte));
  for (const char* odd : {"AA", "AA=", "AB==", "AA== ", " AA==", "AA=\xc1", "A===", "AAA="})
    EXPECT_FALSE(decode_base64(odd, byte)) << odd;
}

RC_GTEST_PROP(Base64, ReadsBack, (const std::vector<std::uint8_t>& bytes)) {
  std::vector<std::uint8_t> read(bytes.size());
  RC_ASSERT(decode_base64(encode_base64(bytes), read));
  RC_ASSERT(read == bytes);
}

}  // namespace
}  // namespace acl::release
