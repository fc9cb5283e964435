#include "engine/store/publish.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/release/text.h"
#include "engine/store/clean.h"
#include "engine/store/copy.h"

namespace acl::store {

using release::Generation;
using release::quoted;

namespace {

class Locked {
 public:
  explicit Locked(Target& target) noexcept : target_(target) {}
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { target_.unlock(); }

 private:
  Target& target_;
};

tl::unexpected<Diagnostic> another_release(const Target& target, const Generation& generation) {
  return fail(Code::E1112, fmt::format("{} has another release {} already", quoted(target.name()), generation.text()),
              "two people compiled side by side: fetch that folder, compile on top of it, and sign");
}

Expected<std::optional<Generation>> latest_of(Target& target, const PublishOptions& options) {
  const auto text = target.get(release::latest_name, release::latest_limit, within(options.patience));
  if (!text) return tl::unexpected(text.error());
  if (!text->found()) return std::nullopt;
  const auto parsed = release::parse_latest(text->bytes);
  if (!parsed) return tl::unexpected(parsed.error());
  return *parsed;
}

// Small objects, which may not be what is there: trust sets and heads must be, signatures are replaced (a key may sign a text
// twice, with other comments).
Expected<void> copy_small(const Folder& folder, const std::string& name, bool signature, const Generation& generation,
                          Target& target, const PublishOptions& options, Published& published) {
  const auto text = folder.read(name, release::trust_limit);
  if (!text) return tl::unexpected(text.error());
  if (!*text) return fail(Code::E1013, fmt::format("\"{}\" is not there", folder.path_of(name)));
  const auto there = target.get(name, release::trust_limit, within(options.patience));
  // One that is too long is another one.
  if (!there && there.error().code != Code::E1105) return tl::unexpected(there.error());
  const bool absent = there && !there->found();
  if (!absent) {
    if (there && there->bytes == **text) return {};
    if (!signature) return another_release(target, generation);
  }
  const std::vector<Object> one = {{name, **text}};
  const auto put = target.put(one, signature ? Existing::replace : Existing::keep, within(options.patience));
  if (!put) return tl::unexpected(put.error());
  published.others += *put;
  published.bytes += (*text)->size();
  return {};
}

// All trust sets up to the head's with their signatures, then signatures of the head, then the head.
Expected<void> copy_head(const Folder& folder, const StoredHead& head, Target& target, const PublishOptions& options,
                         Published& published) {
  using release::NameKind;
  const auto objects = folder.heads_and_trust();
  if (!objects) return tl::unexpected(objects.error());
  const Generation& generation = head.head.generation;
  const auto copy = [&](const std::string& name, bool signature) {
    return copy_small(folder, name, signature, generation, target, options, published);
  };
  for (const release::ObjectName& object : *objects) {
    if (object.kind != NameKind::trust || object.generation.trust > generation.trust) continue;
    if (auto done = copy(release::trust_name(object.generation.trust), false); !done) return done;
  }
  if (auto done = copy(release::head_name(generation), false); !done) return done;
  for (const release::ObjectName& object : *objects) {
    const bool of_trust = object.kind == NameKind::trust_signature && object.generation.trust <= generation.trust;
    const bool of_head = object.kind == NameKind::head_signature && object.generation == generation;
    if (!of_trust && !of_head) continue;
    const std::string name = of_trust ? release::trust_signature_name(object.generation.trust, object.key)
                                      : release::head_signature_name(generation, object.key);
    if (auto done = copy(name, true); !done) return done;
  }
  return {};
}

Expected<void> refuse_back(const StoredHead& head, const std::optional<Generation>& latest, const Target& target) {
  if (!latest || *latest <= head.head.generation) return {};
  return fail(Code::E1112,
              fmt::format("{} has release {}, which is newer than {}", quoted(target.name()), latest->text(),
                          head.head.generation.text()),
              "nodes never go back: compile on top of the newest release, or renew it");
}

}  // namespace

Expected<StoredHead> publishable_head(const Folder& folder, release::Time now) {
  const auto trust = current_trust(folder);
  if (!trust) return tl::unexpected(trust.error());
  if (!*trust) {
    return fail(Code::E1020, fmt::format("\"{}\" has no trust set", folder.path()), "begin with aclc trust init");
  }
  const std::uint64_t version = (*trust)->trust.version;
  const auto lacks = trust_lacks(folder, **trust);
  if (!lacks) return tl::unexpected(lacks.error());
  if (!lacks->none()) {
    return fail(Code::E1014,
                fmt::format("trust version {} lacks {} of the signatures by the version before it and {} of its own",
                            version, lacks->by_last, lacks->by_own),
                "its signers run aclc trust sign, or aclc sign");
  }
  auto head = newest_head(folder, version);
  if (!head) return tl::unexpected(head.error());
  if (!*head) {
    return fail(Code::E1029, fmt::format("\"{}\" has no release under trust version {}", folder.path(), version),
                "compile, then sign");
  }
  const std::string name = release::head_name((*head)->head.generation);
  if ((*head)->head.trust != release::digest_of(release::as_bytes((*trust)->text))) {
    return fail(Code::E1030, fmt::format("\"{}\" was made for another trust set than trust/{}", name, version));
  }
  const auto signers = head_signers(folder, **head, (*trust)->trust);
  if (!signers) return tl::unexpected(signers.error());
  if (signers->size() < (*trust)->trust.threshold) {
    std::string who;
    for (const release::TrustedKey& key : *signers) who += fmt::format(", by {} ({})", key.label, key.key.id.text());
    return fail(Code::E1014,
                fmt::format("\"{}\" has {} of the {} signatures it needs{}", name, signers->size(),
                            (*trust)->trust.threshold, who),
                fmt::format("others of trust/{} run aclc sign {} --key K", version, folder.path()));
  }
  if ((*head)->head.expires <= now) {
    return fail(Code::E1016, fmt::format("\"{}\" expired at {}", name, release::print_time((*head)->head.expires)),
                "no node takes it: aclc renew, and sign");
  }
  return std::move(**head);
}

Expected<Published> publish(const Folder& folder, Target& target, const PublishOptions& options) {
  const auto head = publishable_head(folder, options.now);
  if (!head) return tl::unexpected(head.error());
  if (auto locked = target.lock(within(options.patience)); !locked) return tl::unexpected(locked.error());
  const Locked locked(target);

  Published published;
  published.generation = head->head.generation;
  const auto latest = latest_of(target, options);
  if (!latest) return tl::unexpected(latest.error());
  published.before = *latest;
  if (auto ahead = refuse_back(*head, *latest, target); !ahead) return tl::unexpected(ahead.error());

  const auto there =
      target.get(release::head_name(published.generation), release::head_limit, within(options.patience));
  if (!there) return tl::unexpected(there.error());
  if (there->found() && there->bytes != head->text) return another_release(target, published.generation);

  if (auto copied = copy_tree(folder, head->head.contents, target, options, published); !copied) {
    return tl::unexpected(copied.error());
  }
  if (auto copied = copy_head(folder, *head, target, options, published); !copied)
    return tl::unexpected(copied.error());
  if (*latest != published.generation) {
    const auto moved = target.move_latest(*latest, published.generation, within(options.patience));
    if (!moved) return tl::unexpected(moved.error());
  }
  published.cleaned = clean(folder, target, published.generation, options);
  return published;
}

}  // namespace acl::store
