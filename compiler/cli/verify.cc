// aclc verify: everything that a release folder claims, checked from a trust set that the caller trusts: the chain of trust sets,
// signatures, threshold, expiry, every page, every leaf, every blob's digest and length.
//
// Exit code: 0 all of it holds, 1 something does not, 2 usage, 3 the folder or the trust set cannot be read.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/signing.h"
#include "engine/net/file.h"
#include "engine/release/whole.h"

namespace acl::cli {
namespace {

struct VerifyOptions {
  std::string folder, trust, at;
};

struct Verified {
  store::StoredHead head;
  store::StoredTrust trust;
  std::vector<release::TrustedKey> signers;
};

Expected<Verified> verify_head(const store::Folder& folder, const std::string& trusted, release::Time now) {
  const auto current = store::current_trust(folder);
  if (!current) return tl::unexpected<Diagnostic>(current.error());
  if (!*current) return fail(Code::E1020, fmt::format("\"{}\" has no trust set", folder.path()));
  const auto latest = folder.latest();
  if (!latest) return tl::unexpected<Diagnostic>(latest.error());
  if (!*latest) {
    return fail(Code::E1029, fmt::format("\"{}\" has no release that enough keys have signed", folder.path()),
                "`aclc sign` adds signatures, and writes `latest` when there are enough");
  }
  auto trust = store::follow_chain(folder, trusted, (*latest)->trust);
  if (!trust) return tl::unexpected<Diagnostic>(trust.error());
  auto head = store::read_head(folder, **latest);
  if (!head) return tl::unexpected<Diagnostic>(head.error());
  const std::string name = folder.path_of(head_name(**latest));
  if (!*head) return fail(Code::E1013, fmt::format("\"{}\" is not there", name));
  if ((*head)->head.trust != release::digest_of(release::as_bytes(trust->text))) {
    return fail(Code::E1030,
                fmt::format("\"{}\" was made for another trust set of version {}", name, (*latest)->trust));
  }
  auto signers = store::head_signers(folder, **head, trust->trust);
  if (!signers) return tl::unexpected<Diagnostic>(signers.error());
  if (signers->size() < trust->trust.threshold) {
    return fail(Code::E1014,
                fmt::format("\"{}\": {} of {} signatures are valid", name, signers->size(), trust->trust.threshold));
  }
  if ((*head)->head.expires <= now) {
    return fail(Code::E1016, fmt::format("\"{}\" expired at {}", name, release::print_time((*head)->head.expires)),
                "`aclc renew` writes the same contents with a new end");
  }
  return Verified{std::move(**head), std::move(*trust), std::move(*signers)};
}

std::string describe(const Verified& verified, const release::WholeCounts& counts, release::Time now) {
  const release::Head& head = verified.head.head;
  std::string out = fmt::format("release {} verified\n", head.generation.text());
  out += fmt::format("  trust      version {}, {} of {} keys needed\n", verified.trust.trust.version,
                     verified.trust.trust.threshold, verified.trust.trust.keys.size());
  out += "  signed by  ";
  for (std::size_t i = 0; i < verified.signers.size(); ++i) {
    const release::TrustedKey& signer = verified.signers[i];
    out += fmt::format("{}{} ({})", i == 0 ? "" : ", ", signer.label, signer.key.id.text());
  }
  out += fmt::format("\n  created    {}\n  expires    {}, in {}; then {} after {}\n", release::print_time(head.created),
                     release::print_time(head.expires), print_seconds(head.expires - now),
                     release::on_expiry_name(head.on_expiry), print_seconds(head.grace));
  out += fmt::format("  policy     {}\n  inventory  {}\n", head.contents.policy.text(), head.contents.inventory.text());
  out += fmt::format("  holds      {} nodes, {} pages ({} bytes), {} blobs ({} bytes), {} chunks of the directory\n",
                     counts.tree.leaves, counts.tree.pages, counts.tree.page_bytes, counts.blobs, counts.blob_bytes,
                     counts.chunks);
  return out;
}

int run_verify(const VerifyOptions& options) {
  const release::Time now = options.at.empty() ? wall_clock() : release::parse_time(options.at).value_or(0);
  const auto trusted = read_file(options.trust, release::trust_limit);
  if (!trusted) return give_up(trusted.error());
  const auto folder = store::Folder::open(options.folder);
  if (!folder) return give_up(folder.error());
  const auto verified = verify_head(*folder, *trusted, now);
  if (!verified) return give_up(verified.error());
  const release::ObjectReader reader{[&](const release::Reference& reference) { return folder->read_page(reference); },
                                     [&](const release::Reference& reference) { return folder->read_blob(reference); }};
  const auto counts = release::walk_release(verified->head.head.contents, reader);
  if (!counts) return give_up(counts.error());
  std::string out = describe(*verified, *counts, now);
  const auto newest = store::newest_head(*folder);
  if (newest && *newest && (*newest)->head.generation.number > verified->head.head.generation.number) {
    out += fmt::format("not verified: {} is newer, and not what nodes are told to fetch\n",
                       head_name((*newest)->head.generation));
  }
  return print_out(out) ? exit_yes : exit_unreadable;
}

}  // namespace

void add_verify(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* verb = app.add_subcommand("verify", "Check every byte and signature of a release folder");
  verb->add_option("DIR", options->folder, "the release folder")->required();
  verb->add_option("--trust", options->trust, "a trust set you trust: your own copy of trust/V of this folder")
      ->required()
      ->type_name("FILE");
  verb->add_option("--at", options->at, "judge the expiry at this time (default: now)")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return release::parse_time(text) ? std::string()
                                             : fmt::format("\"{}\" is no time such as 2026-11-26T15:55:55Z", text);
          },
          "", "time"))
      ->type_name("TIME");
  verb->callback([options, &exit_code] { exit_code = run_verify(*options); });
}

}  // namespace acl::cli
