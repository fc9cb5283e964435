// The whole verifying client against a store that does what the input says: honest answers, damaged ones, others' objects, endless
// ones, silence, time that passes. Whatever it does, a release is accepted only if every byte of it is genuine, and what was
// accepted before never changes otherwise.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/release/client.h"
#include "engine/release/testing.h"

namespace {

using namespace acl;                    // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::release;           // NOLINT(google-build-using-namespace)
using namespace acl::release::testing;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "client_fuzz: %s\n", what);
  std::abort();
}

// Two releases under the first trust set, one under the second; the node has accepted the first.
struct World {
  Network network;
  State state;
  std::vector<std::string> names;

  World() {
    network.publish(1, {}, 3);
    Fetcher fetcher;
    Client client = fetcher.run(network.store, first_state(network.trust));
    require(client.phase() == Phase::accepted, "the honest release is not accepted");
    state = client.take_release().state;
    Plan plan;
    plan.tables = "second";
    network.publish(2, plan, 3);
    network.rotate(keys_of_signers(50, 1), 1);
    for (const SecretKey& key : network.old_keys) Network::sign_trust(network.store, 2, key);
    Network::sign_trust(network.store, 2, network.keys[0]);
    plan.tables = "third";
    network.publish(1, plan, 1);
    for (const auto& [name, text] : network.store) names.push_back(name);
  }
};

struct Input {
  const std::uint8_t* data;
  std::size_t size;
  std::uint8_t take() noexcept {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
};

// One answer to one request.
Step answer(Client& client, const World& world, const Request& request, Input& input, Instant& now) {
  const auto object = world.network.store.find(request.name);
  const std::string genuine = object == world.network.store.end() ? std::string() : object->second;
  const auto send = [&](const std::string& text) {
    Step first = client.receive(request.name, as_bytes(text), now);
    Step last = client.complete(request.name, now);
    for (Request& more : last.requests) first.requests.push_back(std::move(more));
    first.phase = last.phase;
    return first;
  };
  const std::uint8_t what = input.take();
  std::string text = genuine;
  switch (what % 16) {
    case 0: return client.absent(request.name, now);
    case 1: return client.failed(request.name, now);
    case 2:
      if (!text.empty()) text[input.take() % text.size()] ^= static_cast<char>(input.take());
      return send(text);
    case 3: return send(text.substr(0, text.empty() ? 0 : input.take() % text.size()));
    case 4: return send(text + std::string(input.take() * 64U, 'x'));
    case 5: return send(world.network.store.at(world.names[(input.take() * 256U + input.take()) % world.names.size()]));
    case 6: {
      const std::size_t count = input.take();
      std::string own;
      for (std::size_t i = 0; i < count; ++i) own += static_cast<char>(input.take());
      return send(own);
    }
    case 7: now.steady_ms += input.take() * 1000; return client.tick(now);
    case 8: now.wall += (input.take() - 100) * day; return send(text);
    case 9: return send(print_latest({input.take() % 4U, 1U + input.take() % 4U}));
    default: return object == world.network.store.end() ? client.absent(request.name, now) : send(text);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  Input input{data, size};
  Instant now{first_day + day, 0};
  const Goal goal = input.take() % 2 == 0 ? Goal::newer : Goal::same_or_newer;
  Fetcher fetcher;
  Client client({key_of_node(input.take() % 41), fetcher.choose, {}, {}}, world.state);
  std::vector<Request> open = client.begin(now, goal).requests;
  for (int steps = 0; steps < 1000 && !open.empty() && client.phase() == Phase::fetching; ++steps) {
    const std::size_t at = input.take() % open.size();
    const Request request = open[at];
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    Step step = answer(client, world, request, input, now);
    require(step.phase == Phase::fetching || step.requests.empty(), "requests after the end");
    for (Request& more : step.requests) open.push_back(std::move(more));
  }
  require(client.state().accepted == world.state.accepted, "what was accepted changed");
  require(client.state().trust.version >= world.state.trust.version, "the trust set went back");
  require(client.state().last_time >= world.state.last_time, "time ran back");
  const auto again = parse_state(print_state(client.state()), "state");
  require(again && *again == client.state(), "a state that cannot be stored");
  if (client.phase() != Phase::accepted) return 0;
  const Release release = client.take_release();
  require(world.network.store.at(head_name(release.head.generation)) == print_head(release.head), "a forged head");
  require(release.head.generation >= world.state.accepted->generation, "an older release");
  require(release.parts.size() == 3, "a leaf without its parts");
  for (const ReleasePart& part : release.parts) {
    require(part.bytes && matches(part.reference, *part.bytes), "a part of other bytes");
    require(world.network.store.at(blob_name(part.reference.digest)) == as_text(*part.bytes), "a forged part");
  }
  require(release.rules && matches(release.head.contents.rules, *release.rules), "rules of other bytes");
  for (const ReleaseChunk& chunk : release.chunks) {
    require(chunk.bytes && matches(chunk.reference, *chunk.bytes), "a chunk of other bytes");
  }
  return 0;
}
