// What each answer means: the flow of client.h, one function per object.
#include <fmt/format.h>

#include <algorithm>

#include "engine/release/attempt.h"
#include "engine/release/directory.h"

namespace acl::release {
namespace {

ObjectName object_of(NameKind kind, const Generation& generation, const KeyId& key = {}) {
  return {kind, generation, key, {}};
}
ObjectName object_of(NameKind kind, const Digest& digest) { return {kind, {}, {}, digest}; }

}  // namespace

void Client::Attempt::answer(const ObjectName& object, Bytes bytes, const Instant& now) {
  const std::string_view text = as_text(bytes);
  switch (object.kind) {
    case NameKind::latest: return on_latest(text, now);
    case NameKind::trust: return on_trust(text, now);
    case NameKind::head: return on_head(text, now);
    case NameKind::trust_signature:
    case NameKind::head_signature: return on_signature(object, text, now);
    case NameKind::page: return on_page(page_reference_, bytes, now);
    case NameKind::blob: return on_blob(object.digest, std::move(bytes), now);
  }
}

void Client::Attempt::no_answer(const ObjectName& object, std::string_view name, std::string_view why,
                                const Instant& now) {
  if (object.kind == NameKind::trust_signature || object.kind == NameKind::head_signature) {
    return on_signature(object, std::nullopt, now);
  }
  refuse(Reason::unavailable, Code::E1013, fmt::format("\"{}\" {}", name, why));
}

void Client::Attempt::on_latest(std::string_view text, const Instant& now) {
  const auto parsed = parse_latest(text);
  if (!parsed) return refuse(Reason::malformed, parsed.error());
  target = *parsed;
  if (target < state.floor()) {
    return refuse(Reason::rollback, Code::E1015,
                  fmt::format("the store offers release {}, but {} was accepted", target.text(), state.floor().text()));
  }
  seek_target(now);
}

// The next trust set while the target's is later than ours, then the head.
void Client::Attempt::seek_target(const Instant& now) {
  if (target.trust == state.trust.version) {
    ask(object_of(NameKind::head, target), head_name(target), head_limit, false, now);
    return;
  }
  if (trust_steps++ == settings.limits.trust_steps) {
    return refuse(Reason::beyond_limits, Code::E1030,
                  fmt::format("the store offers trust version {}; {} is as far as one attempt goes", target.trust,
                              state.trust.version));
  }
  const std::uint64_t next = state.trust.version + 1;
  ask(object_of(NameKind::trust, Generation{next, 0}), trust_name(next), trust_limit, false, now);
}

void Client::Attempt::on_trust(std::string_view text, const Instant& now) {
  const std::string name = trust_name(state.trust.version + 1);
  auto parsed = parse_trust(text, name);
  if (!parsed) return refuse(Reason::malformed, parsed.error());
  if (const std::string fault = succession_fault(state.trust, *parsed); !fault.empty()) {
    return refuse(Reason::wrong_trust, Code::E1030, fmt::format("\"{}\" does not follow: {}", name, fault));
  }
  next_trust = std::move(*parsed);
  quorum.emplace(std::string(text), state.trust, next_trust);
  ask_signatures(now);
}

void Client::Attempt::on_head(std::string_view text, const Instant& now) {
  const auto parsed = parse_head(text, head_name(target));
  if (!parsed) return refuse(Reason::malformed, parsed.error());
  head = *parsed;
  if (head.generation != target) {
    return refuse(Reason::mismatch, Code::E1018,
                  fmt::format("\"{}\" is the head of release {}", head_name(target), head.generation.text()));
  }
  if (head.trust != digest_of(as_bytes(print_trust(state.trust)))) {
    return refuse(Reason::wrong_trust, Code::E1030,
                  fmt::format("\"{}\" was made for another trust set of version {}", head_name(target), target.trust));
  }
  if (state.accepted == head) {
    if (goal == Goal::same_or_newer) return enter_tree(now);
    phase = Phase::unchanged;
    return;
  }
  quorum.emplace(std::string(text), state.trust);
  ask_signatures(now);
}

void Client::Attempt::ask_signatures(const Instant& now) {
  const NameKind kind = next_trust ? NameKind::trust_signature : NameKind::head_signature;
  for (const KeyId& key : quorum->ask()) {
    if (next_trust) {
      const std::uint64_t version = next_trust->version;
      ask(object_of(kind, Generation{version, 0}, key), trust_signature_name(version, key), signature_limit, false,
          now);
    } else {
      ask(object_of(kind, target, key), head_signature_name(target, key), signature_limit, false, now);
    }
  }
}

void Client::Attempt::on_signature(const ObjectName& object, const std::optional<std::string_view>& file,
                                   const Instant& now) {
  // A late answer to the quorum before this one.
  const NameKind kind = next_trust ? NameKind::trust_signature : NameKind::head_signature;
  const std::uint64_t version = next_trust ? next_trust->version : target.trust;
  if (!quorum || object.kind != kind || object.generation.trust != version) return;
  quorum->answer(object.key, file);
  if (quorum->met()) return on_quorum(now);
  if (!quorum->hopeless()) return ask_signatures(now);
  const std::string name = next_trust ? trust_name(version) : head_name(target);
  refuse(Reason::not_signed, Code::E1014, fmt::format("\"{}\": {}", name, quorum->account()));
}

// Signatures that are still under way once there are enough.
void Client::Attempt::drop_signatures() {
  for (auto request = open.begin(); request != open.end();) {
    const NameKind kind = request->second.object.kind;
    const bool needless = kind == NameKind::trust_signature || kind == NameKind::head_signature;
    if (needless) open_bytes -= request->second.limit;
    request = needless ? open.erase(request) : std::next(request);
  }
}

void Client::Attempt::on_quorum(const Instant& now) {
  quorum.reset();
  drop_signatures();
  if (next_trust) {
    state.trust = std::move(*next_trust);
    next_trust.reset();
    return seek_target(now);
  }
  if (state.accepted && state.accepted->generation == head.generation) {
    return refuse(Reason::equivocation, Code::E1017,
                  fmt::format("two signed heads of release {}: {} was accepted, {} is offered", target.text(),
                              digest_of(as_bytes(print_head(*state.accepted))).text(),
                              digest_of(as_bytes(print_head(head))).text()));
  }
  const Time time = known_time(state, now.wall);
  if (head.expires <= time) {
    return refuse(
        Reason::expired, Code::E1016,
        fmt::format("release {} expired at {}; it is {}", target.text(), print_time(head.expires), print_time(time)));
  }
  enter_tree(now);
}

void Client::Attempt::enter_tree(const Instant& now) { ask_page(head.contents.root, now); }

void Client::Attempt::ask_page(const Reference& reference, const Instant& now) {
  if (reference.length > page_limit) {
    return refuse(Reason::beyond_limits, Code::E1003,
                  fmt::format("\"{}\" is said to have {} bytes", page_name(reference.digest), reference.length));
  }
  page_reference_ = reference;
  ask(object_of(NameKind::page, reference.digest), page_name(reference.digest), reference.length, true, now);
}

void Client::Attempt::on_page(const Reference& reference, ByteView bytes, const Instant& now) {
  const std::string name = page_name(reference.digest);
  if (!matches(reference, bytes)) {
    return refuse(Reason::mismatch, Code::E1018, fmt::format("\"{}\" has other bytes than were signed", name));
  }
  const auto page = parse_page(bytes, depth, name);
  if (!page) return refuse(Reason::malformed, page.error());
  if (const auto* children = std::get_if<Children>(&page->body)) {
    const auto& child = (*children)[nibble(position, depth)];
    if (child) {
      ++depth;
      return ask_page(*child, now);
    }
  } else {
    for (const Leaf& own : std::get<Leaves>(page->body)) {
      if (own.key != settings.own_key) continue;
      leaf = own;
      return on_leaf(now);
    }
  }
  refuse(Reason::not_listed, Code::E1019,
         fmt::format("release {} has no node with this one's WireGuard public key", target.text()));
}

void Client::Attempt::on_leaf(const Instant& now) {
  for (const PartReference& part : leaf.parts) want_blob(part.object, settings.limits.blob, now);
  want_blob(head.contents.rules, settings.limits.blob, now);
  want_blob(head.contents.directory, directory_limit, now);
  read_directory(now);
  finish_if_whole();
}

void Client::Attempt::want_blob(const Reference& reference, std::uint64_t most, const Instant& now) {
  if (phase != Phase::fetching) return;
  const std::string name = blob_name(reference.digest);
  if (reference.length > most) {
    return refuse(Reason::beyond_limits, Code::E1011,
                  fmt::format("\"{}\" is said to have {} bytes, more than {}", name, reference.length, most));
  }
  const auto [entry, fresh] = blobs.try_emplace(reference.digest, Blob{reference.length, nullptr});
  if (entry->second.length != reference.length) {
    return refuse(Reason::mismatch, Code::E1018, fmt::format("\"{}\" is said to have two lengths", name));
  }
  if (!fresh) return;
  if (settings.held) {
    auto held = settings.held(reference);
    if (held && matches(reference, *held)) {
      entry->second.bytes = std::make_shared<const Bytes>(std::move(*held));
      return;
    }
  }
  ++missing_blobs;
  ask(object_of(NameKind::blob, reference.digest), name, reference.length, true, now);
}

void Client::Attempt::on_blob(const Digest& digest, Bytes bytes, const Instant& now) {
  const auto blob = blobs.find(digest);
  if (blob == blobs.end()) return;
  if (!matches({digest, blob->second.length}, bytes)) {
    return refuse(Reason::mismatch, Code::E1018,
                  fmt::format("\"{}\" has other bytes than were signed", blob_name(digest)));
  }
  blob->second.bytes = std::make_shared<const Bytes>(std::move(bytes));
  --missing_blobs;
  read_directory(now);
  finish_if_whole();
}

// Once the index and the names are there: which chunks are needed.
void Client::Attempt::read_directory(const Instant& now) {
  if (directory_read || phase != Phase::fetching) return;
  const auto& index = blobs.at(head.contents.directory.digest).bytes;
  if (!index) return;
  ByteView names;
  for (const PartReference& part : leaf.parts) {
    if (part.kind != PartKind::names) continue;
    const auto& bytes = blobs.at(part.object.digest).bytes;
    if (!bytes) return;
    names = *bytes;
  }
  auto chunks = parse_directory(*index, blob_name(head.contents.directory.digest));
  if (!chunks) return refuse(Reason::malformed, chunks.error());
  directory_read = true;
  release.directory = std::move(*chunks);
  if (!settings.choose_chunks) return;
  std::vector<std::uint32_t> chosen = settings.choose_chunks(names, release.directory.size());
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  for (const std::uint32_t number : chosen) {
    if (number >= release.directory.size()) break;
    release.chunks.push_back({number, release.directory[number], nullptr});
    want_blob(release.directory[number], longest_chunk, now);
  }
}

void Client::Attempt::finish_if_whole() {
  if (phase != Phase::fetching || !directory_read || missing_blobs != 0) return;
  const auto bytes_of = [&](const Reference& reference) { return blobs.at(reference.digest).bytes; };
  release.head = head;
  release.header = std::move(leaf.header);
  for (const PartReference& part : leaf.parts) {
    release.parts.push_back({part.kind, part.object, bytes_of(part.object)});
  }
  release.rules = bytes_of(head.contents.rules);
  for (ReleaseChunk& chunk : release.chunks) chunk.bytes = bytes_of(chunk.reference);
  release.state = state;
  release.state.accepted = head;
  release.state.last_time = known_time(release.state, state.last_time);
  phase = Phase::accepted;
}

}  // namespace acl::release
