// For tests, benchmarks and fuzz targets: a small network with keys, trust sets and releases in a store in memory, and a fetcher
// that plays a client against it. Failures of what cannot fail end the program.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/release/client.h"
#include "engine/release/directory.h"
#include "engine/release/names.h"
#include "engine/release/secret_key.h"
#include "engine/release/tree.h"

namespace acl::release::testing {

using Store = std::map<std::string, std::string>;

template <class T>
T must(Expected<T> value) {
  if (!value) {
    std::fprintf(stderr, "testing: %s\n", value.error().message.c_str());
    std::abort();
  }
  return std::move(*value);
}

inline constexpr Time first_day = 1'790'000'000;
inline constexpr Time day = 86400;

inline NodeKey key_of_node(std::uint64_t number) {
  const std::string text = "node " + std::to_string(number);
  return digest_of(as_bytes(text)).bytes;
}
inline Bytes bytes_of(std::string_view text) { return {as_bytes(text).begin(), as_bytes(text).end()}; }

// What a release is made of; two equal plans make equal objects.
struct Plan {
  std::uint64_t nodes = 40;
  std::string tables = "first";  // in every part, so that plans differ
  std::size_t chunks = 5;
  Time created = first_day;
  Time expires = first_day + 30 * day;
};

class Network {
 public:
  // `keys` signers of whom `threshold` are needed; trust version 1, signed.
  explicit Network(std::size_t signers = 3, std::uint32_t threshold = 2) {
    for (std::size_t i = 0; i < signers; ++i) keys.push_back(must(SecretKey::generate()));
    trust.network[0] = 7;
    trust.version = 1;
    trust.created = first_day - day;
    set_keys(keys, threshold);
    store[trust_name(1)] = print_trust(trust);
    for (const SecretKey& key : keys) sign_trust(store, 1, key);
  }

  void set_keys(const std::vector<SecretKey>& signers, std::uint32_t threshold) {
    trust.keys.clear();
    for (const SecretKey& key : signers) trust.keys.push_back({key.public_key(), "k" + key.public_key().id.text()});
    std::sort(trust.keys.begin(), trust.keys.end(), [](const auto& a, const auto& b) { return a.key.id < b.key.id; });
    trust.threshold = threshold;
  }

  // The next trust version with these keys; signed by nobody.
  void rotate(std::vector<SecretKey> signers, std::uint32_t threshold) {
    ++trust.version;
    set_keys(signers, threshold);
    store[trust_name(trust.version)] = print_trust(trust);
    old_keys = std::move(keys);
    keys = std::move(signers);
  }

  static void sign_trust(Store& store, std::uint64_t version, const SecretKey& key) {
    store[trust_signature_name(version, key.public_key().id)] =
        print_signature(key.sign(as_bytes(store.at(trust_name(version))), "trust"));
  }
  static void sign_head(Store& store, const Generation& generation, const SecretKey& key) {
    store[head_signature_name(generation, key.public_key().id)] =
        print_signature(key.sign(as_bytes(store.at(head_name(generation))), "head"));
  }

  Contents put_contents(const Plan& plan) {
    const auto blob = [&](const std::string& text) {
      const Reference reference = reference_to(as_bytes(text));
      store[blob_name(reference.digest)] = text;
      return reference;
    };
    const Reference hot = blob("hot " + plan.tables), ssh = blob("ssh " + plan.tables);
    TreeBuilder builder;
    for (std::uint64_t i = 0; i < plan.nodes; ++i) {
      const std::string header = "header of " + std::to_string(i) + " in " + plan.tables.substr(0, 20);
      const Reference names = blob("names of " + std::to_string(i % 7) + " in " + plan.tables);
      const auto added = builder.add(key_of_node(i), as_bytes(header),
                                     {{PartKind::hot, hot}, {PartKind::ssh, ssh}, {PartKind::names, names}});
      if (!added) std::abort();
    }
    Contents out;
    out.root = must(builder.finish([&](const Reference& reference, ByteView page) -> Expected<void> {
                 store[page_name(reference.digest)] = as_text(page);
                 return {};
               })).root;
    std::vector<Reference> chunks;
    for (std::size_t i = 0; i < plan.chunks; ++i) {
      chunks.push_back(blob("chunk " + std::to_string(i) + " in " + plan.tables));
    }
    out.directory = blob(std::string(as_text(must(encode_directory(chunks)))));
    out.rules = blob("rules " + plan.tables);
    out.policy = digest_of(as_bytes("policy " + plan.tables));
    out.inventory = digest_of(as_bytes("inventory"));
    return out;
  }

  // Writes a head and lets the first `signatures` keys sign it; `latest` then names it.
  Head publish(std::uint64_t number, const Plan& plan = {}, std::size_t signatures = 2) {
    Head head;
    head.generation = {trust.version, number};
    head.trust = digest_of(as_bytes(print_trust(trust)));
    head.created = plan.created;
    head.expires = plan.expires;
    head.grace = 3 * day;
    head.contents = put_contents(plan);
    store[head_name(head.generation)] = print_head(head);
    for (std::size_t i = 0; i < signatures; ++i) sign_head(store, head.generation, keys[i]);
    store[std::string(latest_name)] = print_latest(head.generation);
    return head;
  }

  Store store;
  std::vector<SecretKey> keys, old_keys;
  TrustSet trust;
};

// Plays an attempt to its end. Each request is answered by the store, in pieces of 100 bytes; the steady clock moves a
// millisecond a call.
struct Fetcher {
  std::uint64_t node = 3;
  Instant now{first_day + day, 0};
  Goal goal = Goal::newer;
  Limits limits;
  Held held;
  ChunkChoice choose = [](ByteView, std::size_t count) {
    return count > 3 ? std::vector<std::uint32_t>{1, 3} : std::vector<std::uint32_t>{};
  };
  std::vector<std::string> asked;  // every name, in order

  Client run(const Store& store, const State& state) {
    asked.clear();
    Client client({key_of_node(node), choose, held, limits}, state);
    std::vector<Request> open = client.begin(now, goal).requests;
    while (!open.empty() && client.phase() == Phase::fetching) {
      const Request request = open.back();
      open.pop_back();
      asked.push_back(request.name);
      for (Request& next : serve(client, store, request)) open.push_back(std::move(next));
    }
    return client;
  }

 private:
  std::vector<Request> serve(Client& client, const Store& store, const Request& request) {
    const auto object = store.find(request.name);
    ++now.steady_ms;
    if (object == store.end()) return client.absent(request.name, now).requests;
    std::vector<Request> out;
    for (std::size_t at = 0; at < object->second.size() && client.phase() == Phase::fetching; at += 100) {
      ++now.steady_ms;
      for (Request& next :
           client
               .receive(
                   request.name,
                   as_bytes(object->second).subspan(at).first(std::min<std::size_t>(100, object->second.size() - at)),
                   now)
               .requests) {
        out.push_back(std::move(next));
      }
    }
    for (Request& next : client.complete(request.name, now).requests) out.push_back(std::move(next));
    return out;
  }
};

}  // namespace acl::release::testing
