// aclc trust: whose signatures make a release. Each change writes the next trust/<v>, which the keys of the version before
// and its own sign; `trust sign` adds those that the change itself did not bring along.
//
// Exit code: 0 done, 1 the change makes no sense or the key has no say, 2 usage, 3 something cannot be read or written.
#include <fmt/format.h>
#include <sodium.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/signing.h"
#include "engine/net/file.h"

namespace acl::cli {
namespace {

using release::TrustedKey;
using release::TrustSet;
using store::StoredTrust;

enum class Change : std::uint8_t { init, add, remove, rotate };

struct TrustOptions {
  std::string folder, key;
  std::vector<std::string> added;    // public key files
  std::vector<std::string> removed;  // ids or labels
  std::uint32_t threshold = 0;       // 0: not given
  int passphrase_fd = from_terminal;
};

tl::unexpected<Diagnostic> senseless(std::string what, std::string help = {}) {
  return fail(Code::E1028, std::move(what), std::move(help));
}

// The label of a key: its file's name without folder and ending, as far as a label may hold it.
std::string label_of(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  if (path.ends_with(".pub") && path.size() > 4) path.remove_suffix(4);
  std::string out(path.substr(0, release::longest_label));
  for (char& c : out) {
    if (c <= ' ' || c > '~') c = '_';
  }
  return out.empty() ? "key" : out;
}

Expected<void> add_key(TrustSet& trust, const std::string& path) {
  const auto text = read_file(path, 4096);
  if (!text) return tl::unexpected<Diagnostic>(text.error());
  const auto key = release::parse_public_key(*text, path);
  if (!key) return tl::unexpected<Diagnostic>(key.error());
  for (const TrustedKey& other : trust.keys) {
    if (other.key.id != key->id && other.key.key != key->key) continue;
    return senseless(fmt::format("\"{}\" is key {} ({}), which is in the trust set already", path, other.key.id.text(),
                                 other.label));
  }
  trust.keys.push_back({*key, label_of(path)});
  return {};
}

Expected<void> remove_key(TrustSet& trust, const std::string& name) {
  const auto is_named = [&](const TrustedKey& key) { return key.key.id.text() == name || key.label == name; };
  const auto count = std::count_if(trust.keys.begin(), trust.keys.end(), is_named);
  if (count == 1) {
    std::erase_if(trust.keys, is_named);
    return {};
  }
  return senseless(count == 0 ? fmt::format("no key of the trust set has the id or label \"{}\"", name)
                              : fmt::format("{} keys of the trust set have the label \"{}\"", count, name),
                   "`aclc trust show` lists ids and labels");
}

// The set to change: a new one, or the one after the newest.
Expected<TrustSet> start(const store::Folder& folder, Change change) {
  const auto current = store::current_trust(folder);
  if (!current) return tl::unexpected<Diagnostic>(current.error());
  TrustSet out;
  if (change == Change::init) {
    if (*current) {
      return senseless(
          fmt::format("\"{}\" has a trust set already, version {}", folder.path(), (*current)->trust.version),
          "`aclc trust add`, `remove` and `rotate` change it");
    }
    randombytes_buf(out.network.data(), out.network.size());
  } else {
    if (!*current) {
      return fail(Code::E1020, fmt::format("\"{}\" has no trust set", folder.path()), "`aclc trust init` makes one");
    }
    const auto lacking = store::trust_lacks(folder, **current);
    if (!lacking) return tl::unexpected<Diagnostic>(lacking.error());
    if (!lacking->none()) {
      return senseless(
          fmt::format("\"{}\" still lacks signatures", folder.path_of(release::trust_name((*current)->trust.version))),
          "let its signers run `aclc trust sign`, or remove it together with its signatures");
    }
    out = (*current)->trust;
  }
  ++out.version;
  out.created = wall_clock();
  return out;
}

Expected<TrustSet> changed(const store::Folder& folder, Change change, const TrustOptions& options) {
  auto trust = start(folder, change);
  if (!trust) return trust;
  for (const std::string& name : options.removed) {
    if (auto removed = remove_key(*trust, name); !removed) return tl::unexpected<Diagnostic>(removed.error());
  }
  for (const std::string& path : options.added) {
    if (auto added = add_key(*trust, path); !added) return tl::unexpected<Diagnostic>(added.error());
  }
  std::sort(trust->keys.begin(), trust->keys.end(), [](const auto& a, const auto& b) { return a.key.id < b.key.id; });
  // A majority, so that no two groups can sign different things without somebody in common.
  if (change == Change::init) trust->threshold = static_cast<std::uint32_t>(trust->keys.size() / 2 + 1);
  if (options.threshold != 0) trust->threshold = options.threshold;
  if (const std::string fault = release::trust_fault(*trust); !fault.empty()) {
    return senseless("this would be no trust set: " + fault, "--threshold N sets another threshold");
  }
  return trust;
}

std::string names(const std::vector<TrustedKey>& keys) {
  std::string out;
  for (const TrustedKey& key : keys) out += (out.empty() ? "" : ", ") + key.label;
  return out.empty() ? "nobody" : out;
}

Expected<std::string> describe(const store::Folder& folder, const StoredTrust& stored) {
  const TrustSet& trust = stored.trust;
  const auto signers = store::trust_signers(folder, stored, trust);
  if (!signers) return tl::unexpected<Diagnostic>(signers.error());
  const auto lacking = store::trust_lacks(folder, stored);
  if (!lacking) return tl::unexpected<Diagnostic>(lacking.error());
  std::string out = fmt::format("trust version {}  created {}\nsignatures needed: {} of {} keys\n", trust.version,
                                release::print_time(trust.created), trust.threshold, trust.keys.size());
  for (const TrustedKey& key : trust.keys) out += fmt::format("  {}  {}\n", key.key.id.text(), key.label);
  out += fmt::format("signed by {}", names(*signers));
  if (trust.version > 1) {
    const auto last = store::read_trust(folder, trust.version - 1);
    if (!last) return tl::unexpected<Diagnostic>(last.error());
    const Expected<std::vector<TrustedKey>> by_last =
        *last ? store::trust_signers(folder, stored, (*last)->trust) : std::vector<TrustedKey>{};
    if (!by_last) return tl::unexpected<Diagnostic>(by_last.error());
    out += fmt::format("; of version {} by {}", trust.version - 1, names(*by_last));
  }
  if (lacking->none()) return out + "\ncomplete\n";
  out += "\nlacks";
  if (lacking->by_last != 0) out += fmt::format(" {} of version {}'s keys", lacking->by_last, trust.version - 1);
  if (lacking->by_last != 0 && lacking->by_own != 0) out += " and";
  if (lacking->by_own != 0) out += fmt::format(" {} of its own", lacking->by_own);
  return out + ": `aclc trust sign`\n";
}

Expected<void> sign_trust(store::Folder& folder, const StoredTrust& stored, const TrustOptions& options) {
  const auto key = load_secret_key(options.key, options.passphrase_fd);
  if (!key) return tl::unexpected<Diagnostic>(key.error());
  const release::PublicKey& own = key->public_key();
  const auto holds = [&](const TrustSet& trust) {
    const TrustedKey* const found = trust.find(own.id);
    return found != nullptr && found->key == own;
  };
  const std::uint64_t version = stored.trust.version;
  const Expected<std::optional<StoredTrust>> last =
      version > 1 ? store::read_trust(folder, version - 1) : std::optional<StoredTrust>{};
  if (!last) return tl::unexpected<Diagnostic>(last.error());
  if (!holds(stored.trust) && !(*last && holds((*last)->trust))) {
    return fail(Code::E1021,
                fmt::format("key {} is neither in trust version {} nor in the one before", own.id.text(), version));
  }
  const std::string comment = fmt::format("timestamp:{}\tfile:{}", wall_clock(), release::trust_name(version));
  const std::string file = print_signature(key->sign(release::as_bytes(stored.text), comment));
  const auto put = folder.put(release::trust_signature_name(version, own.id), release::as_bytes(file));
  if (!put) return tl::unexpected<Diagnostic>(put.error());
  return {};
}

int finish(store::Folder& folder, const StoredTrust& stored, const TrustOptions& options) {
  if (!options.key.empty()) {
    if (auto done = sign_trust(folder, stored, options); !done) return give_up(done.error());
  }
  const auto text = describe(folder, stored);
  if (!text) return give_up(text.error());
  return print_out(*text) ? exit_yes : exit_unreadable;
}

int run_change(const TrustOptions& options, Change change) {
  auto folder = change == Change::init ? store::Folder::create(options.folder) : store::Folder::open(options.folder);
  if (!folder) return give_up(folder.error());
  auto trust = changed(*folder, change, options);
  if (!trust) return give_up(trust.error());
  StoredTrust stored{*trust, print_trust(*trust)};
  const auto put = folder->put(release::trust_name(trust->version), release::as_bytes(stored.text));
  if (!put) return give_up(put.error());
  return finish(*folder, stored, options);
}

// `trust sign` and `trust show`: the newest version as it is.
int run_current(const TrustOptions& options) {
  auto folder = store::Folder::open(options.folder);
  if (!folder) return give_up(folder.error());
  const auto current = store::current_trust(*folder);
  if (!current) return give_up(current.error());
  if (!*current) return give_up(make_diagnostic(Code::E1020, fmt::format("\"{}\" has no trust set", folder->path())));
  return finish(*folder, **current, options);
}

CLI::App* add_common(CLI::App& verb, const char* name, const char* what, TrustOptions& options) {
  CLI::App* out = verb.add_subcommand(name, what);
  out->add_option("DIR", options.folder, "the release folder")->required();
  return out;
}

void add_key_options(CLI::App& verb, TrustOptions& options, bool required) {
  CLI::Option* const key =
      verb.add_option("--key", options.key, "sign the new version with this secret key")->type_name("FILE");
  if (required) key->required();
  verb.add_option("--passphrase-fd", options.passphrase_fd, "read its passphrase from this descriptor")
      ->check(CLI::Range(0, 1 << 20))
      ->type_name("N");
}

void add_threshold(CLI::App& verb, TrustOptions& options, const char* what) {
  verb.add_option("--threshold", options.threshold, what)
      ->check(CLI::Range(std::uint32_t{1}, static_cast<std::uint32_t>(release::most_keys)))
      ->type_name("N");
}

}  // namespace

void add_trust(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TrustOptions>();
  CLI::App* verb =
      app.add_subcommand("trust", "Whose signatures make a release: make, change, sign, show the trust set");
  verb->require_subcommand(1);

  const auto on_change = [&](CLI::App* sub, Change change) {
    add_key_options(*sub, *options, false);
    sub->callback([options, change, &exit_code] { exit_code = run_change(*options, change); });
  };
  const auto add_pub = [&](CLI::App* sub, const char* what) {
    sub->add_option("--pub", options->added, what)->required()->type_name("FILE");
  };
  const auto add_id = [&](CLI::App* sub, const char* what) {
    sub->add_option("--id", options->removed, what)->required()->type_name("ID|LABEL");
  };

  CLI::App* init = add_common(*verb, "init", "Make the first trust set", *options);
  add_pub(init, "public key files of all signers");
  add_threshold(*init, *options, "signatures needed (default: more than half of the keys)");
  on_change(init, Change::init);

  CLI::App* add = add_common(*verb, "add", "Add signers", *options);
  add_pub(add, "public key files to add");
  add_threshold(*add, *options, "signatures needed (default: as before)");
  on_change(add, Change::add);

  CLI::App* remove = add_common(*verb, "remove", "Remove signers", *options);
  add_id(remove, "ids or labels of the keys to remove");
  add_threshold(*remove, *options, "signatures needed (default: as before)");
  on_change(remove, Change::remove);

  CLI::App* rotate = add_common(*verb, "rotate", "Replace keys by others in one step", *options);
  add_id(rotate, "ids or labels of the keys to remove");
  add_pub(rotate, "public key files to put in their place");
  add_threshold(*rotate, *options, "signatures needed (default: as before)");
  on_change(rotate, Change::rotate);

  CLI::App* sign = add_common(*verb, "sign", "Add a signature to the newest trust set", *options);
  add_key_options(*sign, *options, true);
  sign->callback([options, &exit_code] { exit_code = run_current(*options); });

  CLI::App* show = add_common(*verb, "show", "Show the newest trust set and who signed it", *options);
  show->callback([options, &exit_code] { exit_code = run_current(*options); });
}

}  // namespace acl::cli
