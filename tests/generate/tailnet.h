// Small tailnets with their policies, for tests that compare two readings of the same policy.
//
// tailnet_model() is a function of a string of bytes, its choices (see hujson_text.h): any bytes make a policy that is
// accepted and a tailnet of two to twelve nodes; fewer bytes or smaller ones make simpler pairs, so whatever shrinks bytes
// shrinks the pair. Every kind of selector at every place that takes it, every section and every kind of protocol comes up;
// count_coverage() counts them.
//
// The models are the oracle's (tests/oracle/model.h). policy_text() and inventory_text() write them down for a compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/oracle/model.h"

namespace acl::generate {

struct Model {
  oracle::Policy policy;
  oracle::Tailnet tailnet;  // approvals not yet applied
};

Model tailnet_model(std::span<const std::uint8_t> choices);

// HuJSON. Protocols are spelled by name, by another of their names or by number, in turn.
std::string policy_text(const oracle::Policy& policy);
// The native inventory format.
std::string inventory_text(const oracle::Tailnet& tailnet);

// Inventory and policy of a random tailnet, as text; the same on every machine.
std::pair<std::string, std::string> random_texts(std::uint64_t seed);

// "acls dst: ipset", "section: postures", "acls proto: gre" → how many models have it.
using Coverage = std::map<std::string, std::size_t>;

// All that can be counted, each with 0.
Coverage no_coverage();
void count_coverage(const Model& model, Coverage& coverage);

}  // namespace acl::generate
