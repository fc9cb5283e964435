#include "tests/generate/tailnet_verdicts.h"

#include <string>
#include <utility>
#include <vector>

#include "tests/generate/tailnet_words.h"
#include "tests/oracle/oracle.h"
#include "tests/oracle/select.h"

namespace acl::generate {

using oracle::Address;
using oracle::Kind;
using oracle::Selector;

namespace {

// Whether a test speaks of the devices there are or of any that its source might have is undecided, too: everybody whom the
// source names gets one more device, of another address, whose attributes nobody knows.
oracle::Tailnet with_stand_ins(const oracle::Policy& policy, oracle::Tailnet tailnet, const Selector& src) {
  std::vector<oracle::Node> added;
  const auto add = [&](oracle::Node device) {
    const auto below = static_cast<std::uint32_t>(added.size());
    device.name = "stand-in-" + std::to_string(below);
    device.addresses = {Address::v4(0x647ffffeU - below), Address::v6(0xfd7a115ca1e0ffffU, 0xffff0000U - below)};
    added.push_back(std::move(device));
  };
  for (const oracle::User& user : tailnet.users) {
    oracle::Node device;
    device.user = user.login;
    device.shared = user.login == words::stranger;
    if (oracle::is_device_of(policy, tailnet, src, device)) add(std::move(device));
  }
  if (src.kind == Kind::tag) {
    oracle::Node device;
    device.tags = {src.name};
    add(std::move(device));
  }
  tailnet.nodes.insert(tailnet.nodes.end(), added.begin(), added.end());
  return tailnet;
}

}  // namespace

std::optional<bool> settled_verdict(const oracle::Policy& policy, const oracle::Tailnet& real, const oracle::Test& test,
                                    const oracle::Target& target) {
  const oracle::Tailnet tailnet = with_stand_ins(policy, real, test.src);
  const oracle::Ranges from = oracle::addresses_of(policy, tailnet, test.src);
  const oracle::Ranges to = oracle::addresses_of(policy, tailnet, target.selector);
  // A device without the family of the destination is another undecided matter.
  for (const oracle::Node& node : tailnet.nodes) {
    const bool meant = oracle::is_device_of(policy, tailnet, test.src, node) ||
                       oracle::is_device_of(policy, tailnet, target.selector, node);
    if (meant && node.addresses.size() != 2) return std::nullopt;
  }
  bool accepted = false, denied = false;
  for (const oracle::Range& source : from) {
    for (const oracle::Range& destination : to) {
      if (source.first != source.last || destination.first != destination.last) return std::nullopt;
      if (source.first.family() != destination.first.family()) continue;
      for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
        if (test.protocol && *test.protocol != protocol) continue;
        for (const bool posture : {true, false}) {
          (oracle::permits(policy, tailnet, source.first, destination.first, protocol, target.ports[0].first, posture)
               ? accepted
               : denied) = true;
        }
      }
    }
  }
  if (accepted == denied) return std::nullopt;  // undecided, or nobody to ask about
  return accepted;
}

std::optional<oracle::LoginVerdict> settled_login(const oracle::Policy& policy, const oracle::Tailnet& real,
                                                  const oracle::SshTest& test, const char* login) {
  const oracle::Tailnet tailnet = with_stand_ins(policy, real, test.src);
  std::optional<oracle::LoginVerdict> verdict;
  for (const oracle::Node& source : tailnet.nodes) {
    if (!oracle::is_device_of(policy, tailnet, test.src, source)) continue;
    for (const oracle::Node& destination : tailnet.nodes) {
      if (!oracle::is_device_of(policy, tailnet, test.dst[0], destination)) continue;
      const auto one = oracle::ssh(policy, tailnet, source, destination, login).verdict;
      if (verdict && *verdict != one) return std::nullopt;
      verdict = one;
    }
  }
  return verdict;
}

}  // namespace acl::generate
