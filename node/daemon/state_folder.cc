#include "node/daemon/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "engine/net/file.h"
#include "engine/release/text.h"

namespace acl::node {

using release::Bytes;
using release::Reference;

namespace {

constexpr std::string_view release_folder = "release", blob_folder = "blob";
constexpr std::size_t manifest_limit = std::size_t{64} << 20;

tl::unexpected<Diagnostic> cannot_write(const std::string& path, int error) {
  return fail(Code::E0003, fmt::format("cannot write \"{}\": {}", path, std::strerror(error)));
}

Expected<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return cannot_write(path, errno);
  return {};
}

Expected<void> sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return cannot_write(path, errno);
  const int synced = ::fsync(folder) == 0 ? 0 : errno;
  ::close(folder);
  if (synced != 0) return cannot_write(path, synced);
  return {};
}

// The text of release/<v>.<gen>:
//
//   aclnode release 1
//   node 5f1d…            the node's WireGuard public key, in hexadecimal digits
//   head 700              length of the text that follows, the head to the byte
//   header 0a1b…          in hexadecimal digits
//   part 1 <digest> <length>      … for each part, by kind
//   rules <digest> <length>
//   chunk 0 <digest> <length>     … for each chunk, by number
//   checksum <digest>     of all lines before
std::string print_manifest(const KeptRelease& kept) {
  const auto reference = [](const Reference& r) { return fmt::format("{} {}", r.digest.text(), r.length); };
  const std::string head = release::print_head(kept.head);
  std::string out = fmt::format("aclnode release 1\nnode {}\nhead {}\n{}", release::hex(kept.node), head.size(), head);
  out += fmt::format("header {}\n", release::hex(kept.header));
  for (const KeptRelease::Part& part : kept.parts)
    out += fmt::format("part {} {}\n", static_cast<unsigned>(part.kind), reference(part.reference));
  out += fmt::format("rules {}\n", reference(kept.rules_reference));
  for (const KeptRelease::Chunk& chunk : kept.chunks)
    out += fmt::format("chunk {} {}\n", chunk.number, reference(chunk.reference));
  return out + fmt::format("checksum {}\n", release::digest_of(release::as_bytes(out)).text());
}

// "<number> <digest> <length>"
struct Numbered {
  std::uint64_t number = 0;
  Reference reference;
};
std::optional<Numbered> parse_numbered(std::string_view text) {
  const auto number = text.empty() || text[0] == '0' ? std::optional<std::uint64_t>(0)
                                                     : release::parse_number(text.substr(0, text.find(' ')));
  if (!number || (text.substr(0, text.find(' ')).size() > 1 && text[0] == '0')) return std::nullopt;
  release::take_word(text);
  const auto digest = release::Digest::parse(release::take_word(text));
  const auto length = text == "0" ? std::optional<std::uint64_t>(0) : release::parse_number(text);
  if (!digest || !length) return std::nullopt;
  return Numbered{*number, {*digest, *length}};
}

// Without the bytes of blobs.
Expected<KeptRelease> parse_manifest(std::string_view text, const std::string& name) {
  const std::size_t end = text.rfind("checksum ");
  if (end == std::string_view::npos ||
      text.substr(end) !=
          fmt::format("checksum {}\n", release::digest_of(release::as_bytes(text.substr(0, end))).text()))
    return fail(Code::E1302, fmt::format("\"{}\" is torn or damaged", name));
  release::Lines lines(text.substr(0, end), name, Code::E1302);
  lines.literal("aclnode release 1");
  KeptRelease kept;
  if (!release::unhex(lines.value("node"), kept.node)) lines.fault("no key");
  auto head = release::parse_head(lines.block(lines.number("head", release::head_limit)), name);
  if (!head) return fail(Code::E1302, fmt::format("\"{}\": {}", name, head.error().message));
  kept.head = *head;
  const std::string_view header = lines.value("header");
  kept.header.resize(header.size() / 2);
  if (!release::unhex(header, kept.header)) lines.fault("no hexadecimal digits");
  while (!lines.at_end() && !lines.failed()) {
    std::string_view line = lines.line();
    const std::string_view word = release::take_word(line);
    if (word == "rules") {
      const auto rules = parse_numbered("0 " + std::string(line));
      if (!rules) return fail(Code::E1302, fmt::format("\"{}\" names no rules", name));
      kept.rules_reference = rules->reference;
      continue;
    }
    const auto one = parse_numbered(line);
    if (!one || (word != "part" && word != "chunk"))
      return fail(Code::E1302, fmt::format("\"{}\" has an odd line", name));
    if (word == "part")
      kept.parts.push_back({static_cast<release::PartKind>(one->number), one->reference, {}});
    else
      kept.chunks.push_back({static_cast<std::uint32_t>(one->number), one->reference, {}});
  }
  if (auto fault = lines.finish()) return tl::unexpected(std::move(*fault));
  return kept;
}

// The file's bytes, if there are `length` of them.
Expected<Blob> map_file(const std::string& path, std::uint64_t length) {
  if (length == 0) return Blob{};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail(Code::E1302, fmt::format("\"{}\" cannot be read: {}", path, std::strerror(errno)));
  struct stat status {};
  const bool whole = ::fstat(file, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == length;
  void* at = whole ? ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
  ::close(file);
  if (at == MAP_FAILED)
    return fail(Code::E1302, fmt::format("\"{}\" is not the {} bytes that were written", path, length));
  const std::shared_ptr<const void> owner(
      at, [length](const void* mapped) { ::munmap(const_cast<void*>(mapped), length); });
  return Blob{{static_cast<const std::uint8_t*>(at), static_cast<std::size_t>(length)}, owner};
}

Blob blob_of(const std::shared_ptr<const Bytes>& bytes) {
  if (!bytes) return {};
  return {*bytes, bytes};
}

}  // namespace

KeptRelease keep(const release::NodeKey& node, const release::Release& release) {
  KeptRelease kept;
  kept.node = node;
  kept.head = release.head;
  kept.header = release.header;
  for (const release::ReleasePart& part : release.parts)
    kept.parts.push_back({part.kind, part.reference, blob_of(part.bytes)});
  kept.rules_reference = release.head.contents.rules;
  kept.rules = blob_of(release.rules);
  for (const release::ReleaseChunk& chunk : release.chunks)
    kept.chunks.push_back({chunk.number, chunk.reference, blob_of(chunk.bytes)});
  return kept;
}

Expected<StateFolder> StateFolder::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (auto made = make_folder(path); !made) return tl::unexpected(made.error());
  const std::string lock_path = path + "/lock";
  int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  // On a disk that has become read-only a node goes on with what is there.
  if (lock < 0 && errno == EROFS) lock = ::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return cannot_write(lock_path, errno);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return fail(Code::E1306, fmt::format("another daemon uses \"{}\"", path));
  }
  StateFolder folder(path, lock);
  for (const std::string_view name : {release_folder, blob_folder}) {
    if (auto made = make_folder(fmt::format("{}/{}", path, name)); !made) return tl::unexpected(made.error());
  }
  return folder;
}

StateFolder::StateFolder(StateFolder&& other) noexcept : path_(std::move(other.path_)), lock_(other.lock_) {
  other.lock_ = -1;
}
StateFolder::~StateFolder() {
  if (lock_ >= 0) ::close(lock_);
}

Expected<std::optional<release::State>> StateFolder::read_state() const {
  const std::string path = path_ + "/state";
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::nullopt;
  const auto text = read_file(path, release::state_limit);
  if (!text) return tl::unexpected(text.error());
  auto state = release::parse_state(*text, path);
  if (!state)
    return fail(Code::E1302, state.error().message,
                "check the disk; then remove the file, and the node begins from its trust file");
  return std::move(*state);
}

Expected<void> StateFolder::write(const std::string& folder, const std::string& name, std::string_view text) const {
  const std::string path = fmt::format("{}/{}", folder, name);
  if (auto written = replace_file(path, text); !written) return written;
  return sync_folder(folder);
}

Expected<void> StateFolder::write_state(const release::State& state) const {
  return write(path_, "state", release::print_state(state));
}

Expected<Blob> StateFolder::map_blob(const Reference& reference) const {
  const std::string path = fmt::format("{}/{}", path_, release::blob_name(reference.digest));
  auto blob = map_file(path, reference.length);
  if (!blob) return blob;
  if (!release::matches(reference, blob->bytes))
    return fail(Code::E1302, fmt::format("\"{}\" has other bytes than were written", path));
  return blob;
}

Expected<KeptRelease> StateFolder::read_release(const release::Head& head) const {
  const std::string path = fmt::format("{}/{}/{}", path_, release_folder, head.generation.text());
  const auto text = read_file(path, manifest_limit);
  if (!text) return fail(Code::E1302, text.error().message);
  auto kept = parse_manifest(*text, path);
  if (!kept) return kept;
  if (kept->head != head) return fail(Code::E1302, fmt::format("\"{}\" is of another head than the state", path));
  const auto load = [&](const Reference& reference, Blob& blob) -> Expected<void> {
    auto mapped = map_blob(reference);
    if (!mapped) return tl::unexpected(mapped.error());
    blob = std::move(*mapped);
    return {};
  };
  for (KeptRelease::Part& part : kept->parts) {
    if (auto ok = load(part.reference, part.blob); !ok) return tl::unexpected(ok.error());
  }
  for (KeptRelease::Chunk& chunk : kept->chunks) {
    if (auto ok = load(chunk.reference, chunk.blob); !ok) return tl::unexpected(ok.error());
  }
  if (auto ok = load(kept->rules_reference, kept->rules); !ok) return tl::unexpected(ok.error());
  return kept;
}

Expected<void> StateFolder::write_release(const KeptRelease& release) const {
  const auto write_blob = [&](const Reference& reference, const Blob& blob) -> Expected<void> {
    const std::string name = release::blob_name(reference.digest);  // "blob/…"
    if (map_blob(reference)) return {};
    return replace_file(fmt::format("{}/{}", path_, name), release::as_text(blob.bytes));
  };
  for (const KeptRelease::Part& part : release.parts) {
    if (auto ok = write_blob(part.reference, part.blob); !ok) return ok;
  }
  for (const KeptRelease::Chunk& chunk : release.chunks) {
    if (auto ok = write_blob(chunk.reference, chunk.blob); !ok) return ok;
  }
  if (auto ok = write_blob(release.rules_reference, release.rules); !ok) return ok;
  if (auto ok = sync_folder(fmt::format("{}/{}", path_, blob_folder)); !ok) return ok;
  return write(fmt::format("{}/{}", path_, release_folder), release.head.generation.text(), print_manifest(release));
}

void StateFolder::clean(const KeptRelease& kept) const noexcept {
  std::set<std::string> named = {release::blob_name(kept.rules_reference.digest)};
  for (const KeptRelease::Part& part : kept.parts) named.insert(release::blob_name(part.reference.digest));
  for (const KeptRelease::Chunk& chunk : kept.chunks) named.insert(release::blob_name(chunk.reference.digest));
  named.insert(fmt::format("{}/{}", release_folder, kept.head.generation.text()));
  for (const std::string_view folder : {release_folder, blob_folder}) {
    std::error_code error;
    std::vector<std::string> away;
    for (const auto& entry : std::filesystem::directory_iterator(fmt::format("{}/{}", path_, folder), error)) {
      const std::string name = fmt::format("{}/{}", folder, entry.path().filename().string());
      if (named.count(name) == 0) away.push_back(entry.path().string());
    }
    for (const std::string& path : away) ::unlink(path.c_str());
  }
}

void StateFolder::take_back(const std::optional<release::Head>& head) const noexcept {
  if (!head) return clean({});
  if (const auto kept = read_release(*head)) clean(*kept);
}

std::optional<Bytes> StateFolder::held(const Reference& reference) const {
  const auto blob = map_blob(reference);
  if (!blob) return std::nullopt;
  return Bytes(blob->bytes.begin(), blob->bytes.end());
}

}  // namespace acl::node
