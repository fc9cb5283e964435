// Tables of any bytes: parts are refused with words or opened, and then every lookup stays within them (address sanitizer: the bytes
// are a heap block of their own) and answers with numbers that the part has. Node headers, provenance and chunks of the directory are
// refused with words, or encode as they were read.
//
// The first byte says what the rest is taken for; with its highest bit the fields that would stop nearly every mutation are put
// right first: magic, version, kind and number of lines.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/table/directory.h"
#include "engine/table/hot.h"
#include "engine/table/names.h"
#include "engine/table/node_header.h"
#include "engine/table/provenance.h"
#include "engine/table/ssh.h"

namespace {

using namespace acl;         // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::table;  // NOLINT(google-build-using-namespace)
using net::Address;
using Bytes = std::vector<std::uint8_t>;

constexpr std::array<std::uint8_t, 6> asked_protocols = {0, 1, 6, 17, 132, 255};
constexpr std::array<std::uint16_t, 4> asked_ports = {0, 22, 443, 65535};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "table_fuzz: %s\n", what);
  std::abort();
}

void refused(const Diagnostic& diagnostic, Code code) {
  require(diagnostic.code == code && !diagnostic.message.empty() && !diagnostic.help.empty(), "refused without words");
}

void put_right(Bytes& bytes, std::uint32_t kind) {
  bytes.resize(bytes.size() / acl_line_bytes * acl_line_bytes);
  if (bytes.size() < sizeof(acl_part)) return;
  acl_part part;
  std::memcpy(&part, bytes.data(), sizeof part);
  part.magic = acl_table_magic;
  part.version = static_cast<acl_u16>(acl_table_version);
  part.kind = static_cast<acl_u8>(kind);
  part.reserved = 0;
  part.lines = static_cast<acl_u32>(bytes.size() / acl_line_bytes);
  std::memcpy(bytes.data(), &part, sizeof part);
}

// Ends of both families, and whatever every eight bytes of the part say if they are an address, a slot or a start.
std::vector<Address> addresses_in(const Bytes& bytes) {
  constexpr std::uint64_t ones = ~std::uint64_t{0};
  std::vector<Address> out = {Address::v4(0), Address::v4(0xffffffff), Address::v6(0, 0), Address::v6(ones, ones)};
  std::uint64_t before = 0;
  const std::size_t words = std::min<std::size_t>(bytes.size() / 8, 512);
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * 8, 8);
    out.push_back(Address::v4(static_cast<std::uint32_t>(word)));
    out.push_back(Address::v4(static_cast<std::uint32_t>(word >> 16)));
    out.push_back(Address::v6(before, word));
    before = word;
  }
  return out;
}

void look_up(const Hot& hot, const std::vector<Address>& addresses) {
  const acl_hot& header = hot.header();
  std::vector<Question> questions;
  std::vector<std::uint32_t> expected;
  for (const Address& address : addresses) {
    const std::uint32_t source = hot.source_class(address), destination = hot.destination_class(address);
    require(source <= header.part.source_classes, "a source class that is not there");
    require(destination <= header.destination_classes, "a destination class that is not there");
    for (const std::uint32_t to :
         {destination, 0U, 1U, header.destination_classes, header.destination_classes + 1U, 0xffffffffU}) {
      for (const std::uint8_t protocol : asked_protocols) {
        for (const std::uint16_t port : asked_ports) {
          const auto rule = hot.decide(source, to, protocol, port);
          require(!rule || *rule < header.rules, "a rule that is not there");
          questions.push_back({address.high(), address.low(), to, protocol, !address.is_v4(), port});
          expected.push_back(rule ? *rule + 1 : 0);
        }
        const auto any = hot.decide_any(source, to, protocol);
        require(!any || *any < header.rules, "a rule of any port that is not there");
      }
    }
  }
  std::vector<std::uint32_t> got(questions.size());
  decide_batch(hot, questions, got);
  require(got == expected, "a batch and single lookups differ");
}

void look_up(const Ssh& ssh, const std::vector<Address>& addresses) {
  for (std::uint32_t number = 0; number < ssh.rules(); ++number) {
    const Ssh::Rule rule = ssh.rule(number);
    require(rule.action != LoginAction::deny, "a rule that denies");
  }
  std::vector<std::string> names = {"root", "", "ubuntu", std::string(300, 'a')};
  for (std::uint32_t source = 1; source <= std::min(ssh.classes(), 64U); ++source) {
    names.emplace_back(ssh.own_name(source));
    for (const Ssh::ClassRule& rule : ssh.rules_of(source))
      require(rule.rule < ssh.rules(), "a rule of a class that is not there");
  }
  for (const Address& address : addresses) {
    require(ssh.source_class(address) <= ssh.classes(), "a class of logins that is not there");
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 8); ++i) {
      const LoginDecision decision = ssh.decide({address, names[i], i % 2 == 0, i % 3 == 0});
      if (decision.action == LoginAction::deny) continue;
      require(decision.rule < ssh.rules() && decision.account == names[i] && !names[i].empty(),
              "a login as somebody else");
      for (const std::string_view text : decision.environment) require(text.size() <= 0xffff, "a long text");
    }
  }
}

void look_up(const Names& names, const std::vector<Address>& addresses) {
  const acl_names& header = names.header();
  for (std::size_t i = 0; i < std::min<std::size_t>(addresses.size(), 256); ++i) {
    const std::uint32_t own = names.destination_class(addresses[i]);
    require(own <= header.destination_classes, "a class of destinations that is not there");
    for (const std::uint32_t to : {own, 0U, 1U, header.destination_classes, header.destination_classes + 1U}) {
      for (const Capability& one : names.capabilities(addresses[i], to))
        require(one.value.size() <= 0xffff, "a long value");
    }
  }
  std::uint64_t count = 0;
  std::int64_t last = -1;
  names.each_known([&](std::uint32_t identity) {
    require(identity > last, "known identities do not ascend");
    last = identity;
    if (count++ < 64) require(names.knows(identity), "an identity that is listed and not known");
  });
  for (const std::uint32_t chunk : names.known_chunks(1000)) require(chunk < 1000, "a chunk that is not there");
  for (const std::uint32_t rule :
       {0U, header.hot_rules - 1, header.hot_rules, header.ssh_rules - 1, header.ssh_rules, 0xffffffffU}) {
    static_cast<void>(names.hot_rule_id(rule));
    static_cast<void>(names.ssh_rule_id(rule));
  }
}

void directory(const Bytes& bytes) {
  auto chunk = parse_chunk(bytes);
  if (!chunk) return refused(chunk.error(), Code::E1204);
  require(encode_chunk(*chunk) == bytes, "a chunk with two encodings");
  std::vector<Directory::Numbered> known;
  for (std::uint32_t i = 0; i < chunk->size(); ++i) known.push_back({i, (*chunk)[i]});
  const Directory whole(known);
  for (std::size_t i = 0; i < std::min<std::size_t>(known.size(), 32); ++i) {
    for (const Address& address : known[i].identity.addresses)
      require(whole.whois(address) != nullptr, "an address that is nobody's");
    for (const net::Prefix& route : known[i].identity.routes) {
      require(!whole.routers(route.first()).empty(), "a route that nobody has");
      const auto binding = whole.binding(route.last());
      require(binding.unbound || !binding.keys.empty(), "a known source without a key");
    }
  }
}

template <class Part>
void open_part(Bytes& bytes, std::uint32_t kind, bool right) {
  if (right) put_right(bytes, kind);
  const Bytes exact(bytes.begin(), bytes.end());  // without room behind its end
  const auto part = Part::open(exact);
  if (!part) return refused(part.error(), Code::E1201);
  look_up(*part, addresses_in(exact));
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes bytes(data + 1, data + size);
  const bool right = (data[0] & 0x80) != 0;
  switch (data[0] & 0x7f) {
    case 1: open_part<Hot>(bytes, acl_kind_hot, right); break;
    case 2: open_part<Ssh>(bytes, acl_kind_ssh, right); break;
    case 3: open_part<Names>(bytes, acl_kind_names, right); break;
    case 4:
      if (const auto header = parse_node_header(bytes)) {
        require(encode_node_header(*header) == bytes, "a header with two encodings");
        for (const OwnAddress& own : header->own)
          require(header->find(own.address) != nullptr, "an own address that is not found");
      } else {
        refused(header.error(), Code::E1202);
      }
      break;
    case 5:
      if (const auto rules = parse_provenance(bytes)) {
        require(encode_provenance(*rules) == bytes, "a provenance with two encodings");
        for (const RulePlace& rule : rules->rules)
          require(rules->find(rule.id) != nullptr && !rule_name(rule).empty(), "a rule that is lost");
      } else {
        refused(rules.error(), Code::E1203);
      }
      break;
    case 6: directory(bytes); break;
    default: break;
  }
  return 0;
}
