#include "engine/store/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace acl::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StoreUrl url(std::string_view text) {
  auto parsed = parse_store_url(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
  return parsed.value_or(StoreUrl{});
}

TEST(StoreUrls, APathIsAFolder) {
  for (const char* path : {"release", "./release", "/srv/release", "a/b://c"}) {
    EXPECT_EQ(url(path).scheme, Scheme::directory) << path;
    EXPECT_EQ(url(path).path, path);
  }
  EXPECT_EQ(url("file:///srv/release").path, "/srv/release");
}

TEST(StoreUrls, AServerHasAHostAPortAndAPlainPath) {
  EXPECT_EQ(url("https://releases.example.com/acl/").scheme, Scheme::https);
  EXPECT_EQ(url("https://releases.example.com/acl/").path, "acl");
  EXPECT_THAT(url("https://releases.example.com").hosts, ElementsAre("releases.example.com:443"));
  EXPECT_THAT(url("https://[2001:db8::7]:8443/a/b").hosts, ElementsAre("[2001:db8::7]:8443"));
}

TEST(StoreUrls, EtcdMayHaveSeveralMembers) {
  const StoreUrl members = url("etcds://a.example.com,10.0.0.5:23790,[::1]/acl");
  EXPECT_EQ(members.scheme, Scheme::etcds);
  EXPECT_THAT(members.hosts, ElementsAre("a.example.com:2379", "10.0.0.5:23790", "[::1]:2379"));
  EXPECT_EQ(members.path, "acl");
}

TEST(StoreUrls, EtcdNeedsAPrefixBecauseItIsShared) {
  const auto parsed = parse_store_url("etcd://10.0.0.5:2379");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::E1101);
  EXPECT_THAT(parsed.error().help, HasSubstr("prefix"));
}

TEST(StoreUrls, APasswordInAUrlIsRefusedAndNotRepeated) {
  const auto parsed = parse_store_url("etcd://root:hunter2@10.0.0.5:2379/acl");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message + parsed.error().help, testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(parsed.error().help, HasSubstr("--password-file"));
}

TEST(StoreUrls, WhatNamesNoStoreIsRefused) {
  for (const char* text : {"",
                           "file://host/path",
                           "http://a/b",
                           "ftp://a/b",
                           "https://",
                           "https:///path",
                           "https://a:0/",
                           "https://a:65536/",
                           "https://a:/b",
                           "https://a/../b",
                           "https://a/b//c",
                           "https://a/%2e%2e/b",
                           "https://a/b?c",
                           "https://a/b#c",
                           "https://a b/c",
                           "https://[10.0.0.1]/a",
                           "https://[::1/a",
                           "https://-a/b",
                           "etcd://a,,b/p",
                           "etcd://a/p q",
                           "https://a/b\nX: y",
                           "https://a,b/c"}) {
    const auto parsed = parse_store_url(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::E1101) << text;
    EXPECT_FALSE(parsed.error().help.empty()) << text;
  }
}

}  // namespace
}  // namespace acl::store
