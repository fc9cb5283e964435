#include "tests/generate/large_tailnet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "engine/net/address.h"

namespace acl::generate {
namespace {

using fmt::format_to;

constexpr std::array common_ports = {"22", "80", "443", "5432", "6379", "8080", "3000", "9090", "8000-8100", "27017"};
constexpr std::array systems = {"linux", "macos", "windows", "ios", "android"};
constexpr std::array accounts = {"ubuntu", "deploy", "admin", "postgres"};

// Reserved by the service.
bool is_reserved(std::uint32_t address) {
  return (address & 0xfffffe00U) == 0x64735c00U || (address & 0xffffff00U) == 0x64640000U ||
         (address & 0xffffff00U) == 0x64646400U;
}

class LargeGenerator {
 public:
  LargeGenerator(const LargeShape& shape, std::uint64_t seed) : shape_(shape), state_(seed) {}

  LargeTailnet generate() {
    make_nodes();
    LargeTailnet out;
    write_inventory(out.inventory);
    write_policy(out.policy);
    return out;
  }

 private:
  struct Node {
    std::size_t user = 0;
    std::vector<std::size_t> tags;  // then the user does not count
    std::string route;              // of a router
    bool exit = false;
  };

  // SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t random() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::size_t below(std::size_t count) { return random() % count; }
  bool percent(std::size_t of_hundred) { return below(100) < of_hundred; }
  template <class List>
  std::string_view pick(const List& list) {
    return list[below(list.size())];
  }

  std::string user(std::size_t i) { return fmt::format("user{}@example.com", i); }
  std::string any_user() { return user(below(shape_.users)); }
  std::string any_group() { return fmt::format("group:team{}", below(shape_.groups)); }
  std::string any_tag() { return fmt::format("tag:role{}", below(shape_.tags)); }
  std::string any_host() { return fmt::format("host{}", below(shape_.hosts)); }

  // --- the tailnet ---

  void make_nodes() {
    nodes_.resize(shape_.nodes);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      Node& node = nodes_[i];
      node.user = below(shape_.users);
      // Every hundredth is a router, one in five hundred an exit node; both are tagged, too.
      const bool router = i % 100 == 7;
      node.exit = i % 500 == 11;
      if (router || node.exit || percent(29)) {
        for (std::size_t count = 1 + below(3); count != 0; --count) {
          const std::size_t tag = below(shape_.tags);
          if (std::find(node.tags.begin(), node.tags.end(), tag) == node.tags.end()) node.tags.push_back(tag);
        }
      }
      // Of three routers two share a subnet.
      if (router) node.route = subnet((i / 100) * 2 / 3);
    }
  }

  std::string subnet(std::size_t i) { return fmt::format("10.{}.{}.0/24", (i / 256) % 256, i % 256); }
  std::size_t subnets() const { return std::max<std::size_t>(1, shape_.nodes / 100 * 2 / 3); }

  // 100.64.0.0/10 in steps that look like chance, the reserved blocks left out.
  std::string ipv4(std::size_t i) {
    for (;; i += shape_.nodes) {
      const std::uint32_t address = 0x64400000U + static_cast<std::uint32_t>((i * 1640531527U + 99) & 0x3fffffU);
      if (!is_reserved(address)) return net::Address::v4(address).text();
    }
  }
  std::string ipv6(std::size_t i) {
    return net::Address::v6(0xfd7a115ca1e00000U, 0x100000000U * (i * 40503U % 65536) + i + 1).text();
  }
  std::string key(std::size_t i) {
    static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out(44, '=');
    for (std::size_t at = 0; at < 42; ++at) out[at] = digits[below(64)];
    out[42] = digits[(i % 16) * 4];  // the last digit of 32 bytes holds four bits
    return out;
  }

  void write_inventory(std::string& out) {
    auto to = std::back_inserter(out);
    out += "{\n\t\"tailnet\": \"example.com\",\n\t\"domains\": [\"example.com\"],\n\t\"users\": [\n";
    for (std::size_t i = 0; i < shape_.users; ++i) {
      const std::string_view role = i == 0 ? "owner" : i % 200 == 1 ? "admin" : i % 500 == 2 ? "auditor" : "member";
      format_to(to, "\t\t{{\"login\": \"{}\", \"name\": \"User {}\", \"role\": \"{}\"}},\n", user(i), i, role);
    }
    out += "\t],\n\t\"nodes\": [\n";
    for (std::size_t i = 0; i < nodes_.size(); ++i) write_node(out, i);
    out += "\t],\n}\n";
  }

  void write_node(std::string& out, std::size_t i) {
    auto to = std::back_inserter(out);
    const Node& node = nodes_[i];
    format_to(to, "\t\t{{\"id\": \"n{}\", \"name\": \"node-{}\", ", i, i);
    if (node.tags.empty()) {
      format_to(to, "\"user\": \"{}\"", user(node.user));
    } else {
      out += "\"tags\": [";
      for (std::size_t at = 0; at < node.tags.size(); ++at)
        format_to(to, "{}\"tag:role{}\"", at == 0 ? "" : ", ", node.tags[at]);
      out += "]";
    }
    format_to(to, ", \"addresses\": [\"{}\", \"{}\"]", ipv4(i), ipv6(i));
    std::string routes = node.route.empty() ? "" : "\"" + node.route + "\"";
    if (node.exit) routes += std::string(routes.empty() ? "" : ", ") + R"("0.0.0.0/0", "::/0")";
    if (!routes.empty()) format_to(to, ", \"advertisedRoutes\": [{}], \"approvedRoutes\": [{}]", routes, routes);
    format_to(to, ", \"created\": \"202{}-{:02}-{:02}T{:02}:{:02}:{:02}Z\"", below(6), 1 + below(12), 1 + below(28),
              below(24), below(60), below(60));
    format_to(to, ", \"key\": \"{}\", \"posture\": {{\"node:os\": \"{}\", \"node:tsVersion\": \"1.{}.{}\"}}}},\n",
              key(i), pick(systems), 60 + below(30), below(9));
  }

  // --- the policy ---

  void write_policy(std::string& out) {
    out += "// A synthetic policy.\n{\n";
    write_names(out);
    const std::size_t acls = shape_.rules * 7 / 10;
    out += "\t\"acls\": [\n";
    for (std::size_t i = 0; i < acls; ++i) write_acl(out, i);
    out += "\t],\n\n\t\"grants\": [\n";
    for (std::size_t i = acls; i < shape_.rules; ++i) write_grant(out);
    out += "\t],\n\n\t\"ssh\": [\n";
    for (std::size_t i = 0; i < shape_.ssh; ++i) write_ssh(out, i);
    out += "\t],\n\n";
    write_settings(out);
    write_tests(out);
    out += "}\n";
  }

  void write_names(std::string& out) {
    auto to = std::back_inserter(out);
    out += "\t\"groups\": {\n";
    const std::size_t size = std::clamp<std::size_t>(shape_.users / 20, 3, 50);
    for (std::size_t i = 0; i < shape_.groups; ++i) {
      format_to(to, "\t\t\"group:team{}\": [", i);
      std::vector<std::size_t> members;
      for (std::size_t count = 2 + below(size); count != 0; --count) members.push_back(below(shape_.users));
      std::sort(members.begin(), members.end());
      members.erase(std::unique(members.begin(), members.end()), members.end());
      for (std::size_t at = 0; at < members.size(); ++at)
        format_to(to, "{}\"{}\"", at == 0 ? "" : ", ", user(members[at]));
      first_members_.push_back(members[0]);
      out += "],\n";
    }
    out += "\t},\n\n\t\"tagOwners\": {\n";
    for (std::size_t i = 0; i < shape_.tags; ++i) {
      format_to(to, "\t\t\"tag:role{}\": [{}],\n", i,
                i % 3 == 0   ? ""
                : i % 3 == 1 ? "\"autogroup:admin\""
                             : "\"" + any_group() + "\"");
    }
    out += "\t},\n\n\t\"hosts\": {\n";
    for (std::size_t i = 0; i < shape_.hosts; ++i) {
      const std::size_t net = below(subnets());
      if (i % 4 == 0) {
        format_to(to, "\t\t\"host{}\": \"{}\",\n", i, subnet(net));
      } else if (i % 4 == 1) {
        format_to(to, "\t\t\"host{}\": \"{}\",\n", i, ipv4(below(shape_.nodes)));
      } else {
        format_to(to, "\t\t\"host{}\": \"10.{}.{}.{}\",\n", i, (net / 256) % 256, net % 256, 1 + below(254));
      }
    }
    out += "\t},\n\n";
  }

  // One to `most` different ones.
  template <class Make>
  std::string some(std::size_t most, Make make) {
    std::vector<std::string> list;
    for (std::size_t count = 1 + below(most); count != 0; --count) {
      std::string item = make();
      if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
    }
    std::string out;
    for (const std::string& item : list) out += (out.empty() ? "\"" : ", \"") + item + "\"";
    return "[" + out + "]";
  }

  std::string source() {
    const std::size_t kind = below(20);
    if (kind < 10) return any_group();
    if (kind < 15) return any_tag();
    if (kind < 18) return any_user();
    return kind == 18 ? "autogroup:admin" : any_host();
  }

  // Ports are named ones everywhere but on the way to the internet and to one's own devices: no rule opens port 1.
  std::string target() {
    const std::size_t kind = below(10);
    std::string ports(pick(common_ports));
    if (percent(20)) ports += fmt::format(",{}", 10000 + below(1000));
    return fmt::format("{}:{}", kind < 6 ? any_tag() : kind < 9 ? any_host() : any_user(), ports);
  }

  void write_acl(std::string& out, std::size_t i) {
    auto to = std::back_inserter(out);
    if (i < shape_.tests && i % 2 == 0) {
      format_to(to, "\t\t{{\"action\": \"accept\", \"src\": [\"group:team{}\"], \"dst\": [\"tag:role{}:7777\"]}},\n",
                i % shape_.groups, i % shape_.tags);
      return;
    }
    if (percent(5)) format_to(to, "\t\t// asked for in ticket {}\n", below(100000));
    format_to(to, "\t\t{{\"action\": \"accept\", \"src\": {}, \"dst\": {}", some(3, [&] { return source(); }),
              some(3, [&] { return target(); }));
    if (percent(15)) out += percent(70) ? ", \"proto\": \"tcp\"" : ", \"proto\": \"udp\"";
    out += "},\n";
  }

  void write_grant(std::string& out) {
    auto to = std::back_inserter(out);
    const std::size_t kind = below(20);
    const auto people = [&] { return some(3, [&] { return percent(70) ? any_group() : any_user(); }); };
    if (kind == 0) {
      format_to(to, "\t\t{{\"src\": {}, \"dst\": [\"autogroup:self\"], \"ip\": [\"*\"]}},\n", people());
    } else if (kind == 1) {
      format_to(to, "\t\t{{\"src\": {}, \"dst\": [\"autogroup:internet\"], \"ip\": [\"*\"]}},\n", people());
    } else if (kind == 2) {
      format_to(to, "\t\t{{\"src\": {}, \"dst\": [\"{}\"], \"ip\": [\"443\"], \"via\": [\"{}\"]}},\n", people(),
                subnet(below(subnets())), any_tag());
    } else if (kind < 6) {
      format_to(to,
                "\t\t{{\"src\": {}, \"dst\": {}, \"app\": {{\"example.com/cap/service{}\": [{{\"role\": \"reader\", "
                "\"scope\": [{}]}}]}}}},\n",
                people(), some(2, [&] { return any_tag(); }), below(10), below(100));
    } else {
      format_to(to, "\t\t{{\"src\": {}, \"dst\": {}, \"ip\": {}}},\n", some(3, [&] { return source(); }),
                some(3, [&] { return percent(70) ? any_tag() : any_host(); }), some(3, [&] {
                  const std::size_t form = below(4);
                  if (form == 0) return std::string(pick(common_ports));
                  return fmt::format("{}:{}", form == 1 ? "udp" : "tcp", pick(common_ports));
                }));
    }
  }

  void write_ssh(std::string& out, std::size_t i) {
    auto to = std::back_inserter(out);
    if (i == 0) {
      out +=
          "\t\t{\"action\": \"check\", \"src\": [\"autogroup:member\"], \"dst\": [\"autogroup:self\"], "
          "\"users\": [\"autogroup:nonroot\", \"root\"]},\n";
      return;
    }
    format_to(to, "\t\t{{\"action\": \"{}\", \"src\": {}, \"dst\": {}, \"users\": {}}},\n",
              percent(30) ? "check" : "accept", some(3, [&] { return percent(80) ? any_group() : any_user(); }),
              some(2, [&] { return any_tag(); }), some(2, [&] {
                return percent(20) ? "root" : percent(30) ? "autogroup:nonroot" : std::string(pick(accounts));
              }));
  }

  void write_settings(std::string& out) {
    auto to = std::back_inserter(out);
    format_to(to,
              "\t\"autoApprovers\": {{\"routes\": {{\"10.0.0.0/8\": [\"{}\", \"{}\"]}}, \"exitNode\": [\"{}\"]}},\n\n",
              any_tag(), any_group(), any_tag());
    format_to(to,
              "\t\"nodeAttrs\": [\n\t\t{{\"target\": [\"autogroup:member\"], \"attr\": [\"funnel\"]}},\n"
              "\t\t{{\"target\": [\"{}\"], \"attr\": [\"ssh-env-vars\"]}},\n\t],\n\n",
              any_tag());
  }

  // Every second test asks for what the first acls open, the others for a port that no rule opens.
  void write_tests(std::string& out) {
    auto to = std::back_inserter(out);
    out += "\t\"tests\": [\n";
    for (std::size_t i = 0; i < shape_.tests; ++i) {
      const std::size_t group = i % shape_.groups, tag = i % shape_.tags;
      if (i % 2 == 0) {
        format_to(to, "\t\t{{\"src\": \"{}\", \"accept\": [\"tag:role{}:7777\"], \"deny\": [\"tag:role{}:1\"]}},\n",
                  user(first_members_[group]), tag, tag);
      } else {
        format_to(to, "\t\t{{\"src\": \"{}\", \"deny\": [\"tag:role{}:1\"]}},\n", any_tag(), tag);
      }
    }
    out += "\t],\n";
  }

  LargeShape shape_;
  std::uint64_t state_;
  std::vector<Node> nodes_;
  std::vector<std::size_t> first_members_;  // of each group
};

}  // namespace

std::optional<LargeShape> large_shape(std::string_view size) {
  if (size == "S") return LargeShape{50, 100, 50, 10, 10, 10, 10, 10};
  if (size == "M") return LargeShape{1000, 5000, 1000, 100, 100, 100, 100, 100};
  if (size == "L") return LargeShape{10000, 50000, 5000, 500, 300, 500, 100, 100};
  if (size == "XL") return LargeShape{50000, 250000, 10000, 2000, 500, 1000, 200, 200};
  return std::nullopt;
}

LargeTailnet large_tailnet(const LargeShape& shape, std::uint64_t seed) {
  return LargeGenerator(shape, seed).generate();
}

}  // namespace acl::generate
