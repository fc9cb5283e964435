#include "tests/bench/dpdk_acl.h"

#ifdef ACL_DPDK

#include <rte_acl.h>
#include <rte_eal.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "tests/bench/lookup_tables.h"

namespace acl::bench {
namespace {

constexpr std::size_t most_at_once = 256;
constexpr std::uint32_t field_count = 4;

bool start_environment() {
  static const bool started = [] {
    std::array<std::string, 7> words{"lookup_bench",   "--no-huge", "--no-pci", "--no-shconf",
                                     "--no-telemetry", "-m",        "4096"};
    std::array<char*, 7> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    return rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
  }();
  return started;
}

rte_acl_ctx* make_context(std::uint32_t rules) {
  const std::string name = "hosts-" + std::to_string(rules);
  const rte_acl_param parameters{name.c_str(), SOCKET_ID_ANY, RTE_ACL_RULE_SZ(field_count), rules};
  rte_acl_ctx* context = rte_acl_create(&parameters);
  if (context == nullptr) return nullptr;
  for (std::uint32_t i = 0; i < rules; ++i) {
    alignas(8) std::array<std::byte, RTE_ACL_RULE_SZ(field_count)> bytes{};
    auto* rule = reinterpret_cast<rte_acl_rule*>(bytes.data());
    rule->data.category_mask = 1;
    rule->data.priority = 1;
    rule->data.userdata = i + 1;
    rule->field[0].value.u8 = tcp;
    rule->field[0].mask_range.u8 = 0xff;
    rule->field[1].value.u32 = v4_of(i);
    rule->field[1].mask_range.u32 = 32;
    // The library compares four bytes at a time: the destination port comes with the source port, which may be any.
    rule->field[2].mask_range.u16 = 0xffff;
    rule->field[3].value.u16 = 1022;
    rule->field[3].mask_range.u16 = 1022;
    if (rte_acl_add_rules(context, rule, 1) != 0) return nullptr;
  }
  rte_acl_config config{};
  config.num_categories = 1;
  config.num_fields = field_count;
  config.defs[0] = {RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, 0};
  config.defs[1] = {RTE_ACL_FIELD_TYPE_MASK, 4, 1, 1, 4};
  config.defs[2] = {RTE_ACL_FIELD_TYPE_RANGE, 2, 2, 2, 8};
  config.defs[3] = {RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 2, 10};
  return rte_acl_build(context, &config) == 0 ? context : nullptr;
}

}  // namespace

bool DpdkAcl::built_in() noexcept { return true; }

DpdkAcl* DpdkAcl::of(std::uint32_t rules) {
  static std::map<std::uint32_t, DpdkAcl> made;
  if (!start_environment()) return nullptr;
  DpdkAcl& acl = made[rules];
  if (acl.context_ == nullptr) acl.context_ = make_context(rules);
  return acl.context_ == nullptr ? nullptr : &acl;
}

void DpdkAcl::classify(const DpdkKey* keys, std::span<std::uint32_t> results) const noexcept {
  std::array<const std::uint8_t*, most_at_once> data;
  for (std::size_t i = 0; i < results.size(); ++i) data[i] = keys[i].bytes.data();
  rte_acl_classify_alg(static_cast<rte_acl_ctx*>(context_), data.data(), results.data(),
                       static_cast<std::uint32_t>(results.size()), 1, static_cast<enum rte_acl_classify_alg>(method_));
}

bool DpdkAcl::all_hit(std::span<const DpdkKey> keys, std::size_t at_once) {
  using Clock = std::chrono::steady_clock;
  if (at_once == 0 || at_once > most_at_once || keys.size() % at_once != 0) return false;
  auto* context = static_cast<rte_acl_ctx*>(context_);
  std::vector<std::uint32_t> results(at_once);
  int best = 0;
  Clock::duration best_time = Clock::duration::max();
  for (const int method : {RTE_ACL_CLASSIFY_SCALAR, RTE_ACL_CLASSIFY_SSE, RTE_ACL_CLASSIFY_AVX2,
                           RTE_ACL_CLASSIFY_AVX512X16, RTE_ACL_CLASSIFY_AVX512X32}) {
    if (rte_acl_set_ctx_classify(context, static_cast<enum rte_acl_classify_alg>(method)) != 0) continue;
    method_ = method;
    for (int round = 0; round < 3; ++round) {
      const Clock::time_point start = Clock::now();
      for (std::size_t i = 0; i < keys.size(); i += at_once) {
        classify(keys.data() + i, results);
        for (const std::uint32_t result : results) {
          if (result == 0) return false;
        }
      }
      const Clock::duration time = Clock::now() - start;
      if (time >= best_time) continue;
      best_time = time;
      best = method;
    }
  }
  method_ = best;
  return best != 0;
}

}  // namespace acl::bench

#else

namespace acl::bench {

bool DpdkAcl::built_in() noexcept { return false; }
DpdkAcl* DpdkAcl::of(std::uint32_t /*rules*/) { return nullptr; }
void DpdkAcl::classify(const DpdkKey* /*keys*/, std::span<std::uint32_t> /*results*/) const noexcept {}
bool DpdkAcl::all_hit(std::span<const DpdkKey> /*keys*/, std::size_t /*at_once*/) { return false; }

}  // namespace acl::bench

#endif
