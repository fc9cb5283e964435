// Posture: whether a device meets a condition.
//
// All assertions of a posture must hold. An attribute that is not set makes an assertion false, NOT SET excepted; so does a
// value of another type. Versions compare as the control plane's client library compares them: alternating runs of text and
// of digits, a missing number counting as 0 (tailscale/tailscale, util/cmpver).
// Source: https://tailscale.com/docs/features/device-posture
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "compiler/policy/policy.h"

namespace acl::resolve {

using Attributes = std::vector<std::pair<std::string, inventory::Attribute>>;

bool holds(const policy::Posture& posture, const Attributes& attributes);
bool holds(const policy::PostureAssertion& assertion, const Attributes& attributes);

// Less than 0, 0, more than 0.
int compare_versions(std::string_view a, std::string_view b) noexcept;

}  // namespace acl::resolve
