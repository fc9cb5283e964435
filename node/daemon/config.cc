#include "node/daemon/config.h"

#include <fmt/format.h>
#include <limits.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "engine/net/file.h"
#include "engine/net/source_text.h"
#include "engine/net/suggest.h"
#include "engine/release/base64.h"
#include "engine/release/text.h"
#include "node/daemon/config_check_table.h"
#include "node/daemon/config_recording_table.h"

namespace acl::node {

using release::quoted;

namespace {

constexpr std::size_t config_limit = 1 << 20;
// Names of interfaces are at most 15 bytes (IFNAMSIZ of linux/if.h, with its zero byte 16).
constexpr std::size_t longest_interface = 15;

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};
constexpr ProtocolName protocols[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"icmp", 1}, {"ipv6-icmp", 58}};

// Those that the guard can name in its rules, too.
bool is_interface(std::string_view name) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-";
  return !name.empty() && name.size() <= longest_interface &&
         name.find_first_not_of(letters) == std::string_view::npos && name != "." && name != ".." && name != "lo";
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "22/tcp", "8000-8100/udp", "*/icmp"; without a protocol it is TCP.
std::optional<PortSpan> parse_ports(std::string_view text) {
  PortSpan span;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view name = text.substr(slash + 1);
    bool known = false;
    for (const ProtocolName& one : protocols) {
      if (one.name != name) continue;
      span.protocol = one.number;
      known = true;
    }
    if (!known) return std::nullopt;
    text = text.substr(0, slash);
  }
  if (text == "*") {
    span.last = 65535;
    return span;
  }
  if (span.protocol == 1 || span.protocol == 58) return std::nullopt;
  const std::size_t dash = text.find('-');
  const auto first = parse_number<std::uint16_t>(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number<std::uint16_t>(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  span.first = *first;
  span.last = *last;
  return span;
}

std::string ports_text(const PortSpan& span) {
  std::string out = span.first == 0 && span.last == 65535 ? "*"
                    : span.first == span.last             ? std::to_string(span.first)
                                                          : fmt::format("{}-{}", span.first, span.last);
  for (const ProtocolName& one : protocols) {
    if (one.number == span.protocol) out += fmt::format("/{}", one.name);
  }
  return out;
}

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  Expected<Config> read(const toml::table& table) {
    Config config;
    text(table, "interface", config.interface);
    text(table, "source", config.source.url);
    text(table, "trust", config.trust);
    text(table, "state_dir", config.state_dir);
    text(table, "run_dir", config.run_dir);
    text(table, "bpffs_dir", config.bpffs_dir);
    text(table, "wireguard_socket", config.wireguard_socket);
    text(table, "net_program", config.net_program);
    text(table, "net_user", config.net_user);
    text(table, "group", config.group);
    text(table, "decisions", config.decisions);
    text(table, "backend", config.backend);
    text(table, "ca_file", config.source.ca_file);
    text(table, "certificate_file", config.source.certificate_file);
    text(table, "key_file", config.source.key_file);
    text(table, "user", config.source.user);
    text(table, "password_file", config.source.password_file);
    text(table, "blobs", config.source.blobs);
    number(table, "interval", config.source.interval_s, 1, 86'400);
    number(table, "flow_records", config.flow_records, 1'024, 16'777'216);
    number(table, "flow_marks", config.flow_marks, 1'024, 16'777'216);
    number(table, "mark", config.mark, 1, 0x80000000U);
    break_glass(table, config.break_glass);
    ssh(table, config.ssh);
    if (ConfigTable* const inner = inner_table(table, "check")) keep(read_check(*inner, name_, config.check));
    if (ConfigTable* const inner = inner_table(table, "recording")) keep(read_recording(*inner, config.recording));
    if (ConfigTable* const inner = inner_table(table, "sshd")) keep(read_sshd(*inner, config.sshd));
    only(table);
    check(table, config);
    check_ssh(table, config.ssh);
    open_for_logins(table, config);
    if (fault_) return tl::unexpected(std::move(*fault_));
    return config;
  }

 private:
  void text(const toml::table& table, std::string_view key, std::string& out) {
    known_.push_back(key);
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::string>();
    if (!value) return wrong(*node, fmt::format("\"{}\" is a text: {} = \"…\"", key, key));
    if (value->find('\0') != std::string::npos || value->find('\n') != std::string::npos)
      return wrong(*node, fmt::format("\"{}\" = {} has a zero byte or a line end in it", key, quoted(*value)));
    out = *value;
  }
  void number(const toml::table& table, std::string_view key, std::uint32_t& out, std::uint32_t least,
              std::uint32_t most) {
    known_.push_back(key);
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < least || *value > most)
      return wrong(*node, fmt::format("\"{}\" is a number from {} to {}", key, least, most));
    out = static_cast<std::uint32_t>(*value);
  }

  void flag(const toml::table& table, std::string_view key, bool& out) {
    known_.push_back(key);
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<bool>();
    if (!value) return wrong(*node, fmt::format("\"{}\" is true or false", key));
    out = *value;
  }
  void texts(const toml::table& table, std::string_view key, std::vector<std::string>& out) {
    known_.push_back(key);
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    const toml::array* values = node->as_array();
    if (values == nullptr) return wrong(*node, fmt::format("\"{}\" is a list of texts", key));
    for (const toml::node& one : *values) {
      const auto value = one.value_exact<std::string>();
      if (!value || value->empty() || value->find('\0') != std::string::npos)
        return wrong(one, fmt::format("\"{}\" is a list of texts", key));
      out.push_back(*value);
    }
  }

  void ssh(const toml::table& outer, SshSettings& out) {
    known_.push_back("ssh");
    const toml::node* node = outer.get("ssh");
    if (node == nullptr) return;
    const toml::table* table = node->as_table();
    if (table == nullptr) return wrong(*node, "\"ssh\" is a table: [ssh]");
    std::swap(known_, outer_);
    known_.clear();
    flag(*table, "enabled", out.enabled);
    texts(*table, "deny_users", out.deny_users);
    flag(*table, "formality", out.formality);
    flag(*table, "allow_agent", out.allow.agent);
    flag(*table, "allow_local", out.allow.local);
    flag(*table, "allow_remote", out.allow.remote);
    flag(*table, "allow_x11", out.allow.x11);
    number(*table, "login_grace_s", out.login_grace_s, 1, 3600);
    number(*table, "max_starting", out.max_starting, 1, 4096);
    number(*table, "max_starting_per_source", out.max_starting_per_source, 1, 4096);
    number(*table, "keepalive_s", out.keepalive_s, 0, 86'400);
    number(*table, "keepalive_count", out.keepalive_count, 1, 1000);
    number(*table, "rekey_mb", out.rekey_mb, 0, 1'048'576);
    text(*table, "host_keys", out.host_keys);
    text(*table, "pam_service", out.pam_service);
    text(*table, "sftp_server", out.sftp_server);
    text(*table, "session_program", out.session_program);
    text(*table, "session_socket", out.session_socket);
    text(*table, "ssh_program", out.ssh_program);
    text(*table, "ssh_user", out.ssh_user);
    text(*table, "steer_by", out.steer_by);
    only(*table);
    std::swap(known_, outer_);
  }
  // Of a table that a file of its own reads; null: there is none.
  ConfigTable* inner_table(const toml::table& outer, std::string_view key) {
    known_.push_back(key);
    const toml::node* node = outer.get(key);
    if (node == nullptr) return nullptr;
    if (node->as_table() != nullptr) return &inner_.emplace(name_, *node->as_table());
    wrong(*node, fmt::format("\"{}\" is a table: [{}]", key, key));
    return nullptr;
  }
  void keep(std::optional<Diagnostic> fault) {
    if (fault && !fault_) fault_ = std::move(*fault);
  }

  void check_ssh(const toml::table& outer, const SshSettings& ssh) {
    if (fault_) return;
    const toml::table* table = outer.get("ssh") != nullptr ? outer.get("ssh")->as_table() : nullptr;
    if (table == nullptr) return;
    const auto place = [&](std::string_view key) {
      const toml::node* node = table->get(key);
      return node != nullptr ? node->source() : table->source();
    };
    for (const auto& [key, path] : {std::pair{"host_keys", &ssh.host_keys},
                                    {"sftp_server", &ssh.sftp_server},
                                    {"session_program", &ssh.session_program},
                                    {"session_socket", &ssh.session_socket},
                                    {"ssh_program", &ssh.ssh_program}}) {
      if ((path->empty() && path != &ssh.host_keys) || (!path->empty() && path->front() != '/'))
        return wrong_at(place(key), fmt::format("\"{}\" = {} is no absolute path", key, quoted(*path)));
    }
    if (ssh.session_socket.size() >= sizeof(sockaddr_un::sun_path))
      return wrong_at(place("session_socket"), fmt::format("\"session_socket\" = {} is too long for a socket's name",
                                                           quoted(ssh.session_socket)));
    if (!ssh.steer_by.empty() && ssh.steer_by != "program" && ssh.steer_by != "nftables")
      return wrong_at(place("steer_by"),
                      fmt::format("\"steer_by\" = {} is neither program nor nftables", quoted(ssh.steer_by)));
  }
  // Who may log in by break-glass reaches the port for it.
  void open_for_logins(const toml::table& table, Config& config) {
    if (fault_) return;
    for (BreakGlass& entry : config.break_glass) {
      if (!config.ssh.enabled && entry.ports.empty())
        return wrong(*table.get("break_glass"),
                     fmt::format("the login {} of break-glass needs [ssh] and enabled = true", quoted(entry.login)));
      if (!config.ssh.enabled) continue;
      const bool open = std::any_of(entry.ports.begin(), entry.ports.end(), [](const PortSpan& span) {
        return span.protocol == 6 && span.first <= 22 && 22 <= span.last;
      });
      if (!entry.login.empty() && !open) entry.ports.push_back({6, 22, 22});
    }
  }

  void break_glass(const toml::table& table, std::vector<BreakGlass>& out) {
    known_.push_back("break_glass");
    const toml::node* node = table.get("break_glass");
    if (node == nullptr) return;
    const toml::array* entries = node->as_array();
    if (entries == nullptr || !entries->is_homogeneous(toml::node_type::table))
      return wrong(*node, "\"break_glass\" entries are written [[break_glass]]");
    std::swap(known_, outer_);
    for (const toml::node& entry : *entries) {
      known_.clear();
      out.push_back(entry_of(*entry.as_table()));
      only(*entry.as_table());
    }
    std::swap(known_, outer_);
  }
  BreakGlass entry_of(const toml::table& table) {
    BreakGlass entry;
    std::string from, key;
    text(table, "from", from);
    text(table, "key", key);
    text(table, "login", entry.login);
    const auto place = [&](std::string_view name) -> const toml::node& {
      const toml::node* node = table.get(name);
      return node != nullptr ? *node : static_cast<const toml::node&>(table);
    };
    const auto prefix = net::Prefix::parse(from);
    if (prefix.error == net::PrefixError::none) {
      entry.from = prefix.prefix;
    } else {
      wrong(place("from"), fmt::format("\"from\" = {} is no address and no prefix", quoted(from)),
            prefix.error == net::PrefixError::host_bits ? fmt::format("the network is {}", prefix.prefix.text()) : "");
    }
    if (!release::decode_base64(key, entry.key))
      wrong(place("key"), fmt::format("\"key\" = {} is no WireGuard public key", quoted(key)),
            "44 characters, as `wg show INTERFACE peers` prints them");
    known_.push_back("ports");
    if (table.get("ports") == nullptr && !entry.login.empty()) return entry;
    const toml::array* ports = table.get("ports") != nullptr ? table.get("ports")->as_array() : nullptr;
    if (ports == nullptr || ports->empty()) {
      wrong(place("ports"), "\"ports\" lists what may be reached", "for example ports = [\"22/tcp\"]");
      return entry;
    }
    for (const toml::node& port : *ports) {
      const auto value = port.value_exact<std::string>();
      const auto span = value ? parse_ports(*value) : std::nullopt;
      if (span)
        entry.ports.push_back(*span);
      else
        wrong(port, value ? fmt::format("{} names no ports", quoted(*value)) : "ports are texts",
              "write \"22/tcp\", \"8000-8100/udp\", \"*/icmp\"");
    }
    return entry;
  }

  // Every key of the table is one that was read.
  void only(const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      bool known = false;
      for (const std::string_view one : known_) known = known || one == name;
      if (known) continue;
      const auto near = nearest(name, known_);
      wrong_at(key.source(), fmt::format("unknown key {}", quoted(name)),
               near ? fmt::format("did you mean \"{}\"?", *near) : "aclnode.toml(5) lists the keys");
    }
  }

  void check(const toml::table& table, const Config& config) {
    if (fault_) return;
    const auto place = [&](std::string_view key) {
      const toml::node* node = table.get(key);
      return node != nullptr ? node->source() : table.source();
    };
    if (config.interface.empty())
      return wrong_at(place("interface"), "no \"interface\"", "name the WireGuard interface: interface = \"wg0\"");
    const bool odd = !is_interface(config.interface);
    if (config.interface.size() > longest_interface || odd)
      return wrong_at(place("interface"),
                      fmt::format("{} is no name of a WireGuard interface", quoted(config.interface)));
    if (config.source.url.empty())
      return wrong_at(place("source"), "no \"source\"", "say where releases are: source = \"https://…\"");
    if (!std::has_single_bit(config.mark))
      return wrong_at(place("mark"), fmt::format("\"mark\" = {:#x} is not one bit", config.mark),
                      "for example 0x08000000");
    if (config.backend != "auto" && config.backend != "tcx" && config.backend != "clsact")
      return wrong_at(place("backend"), fmt::format("\"backend\" = {} is none there is", quoted(config.backend)),
                      "write \"auto\", \"tcx\" or \"clsact\"");
    for (const auto& [key, path] : {std::pair{"trust", &config.trust},
                                    {"state_dir", &config.state_dir},
                                    {"run_dir", &config.run_dir},
                                    {"bpffs_dir", &config.bpffs_dir},
                                    {"net_program", &config.net_program}}) {
      if (path->empty() || path->front() != '/')
        return wrong_at(place(key), fmt::format("\"{}\" = {} is no absolute path", key, quoted(*path)));
    }
    if (config.source.user.empty() != config.source.password_file.empty())
      return wrong_at(place(config.source.user.empty() ? "password_file" : "user"),
                      "a user of etcd needs a password_file, and a password_file a user");
  }

  void wrong(const toml::node& node, std::string message, std::string help = {}) {
    wrong_at(node.source(), std::move(message), std::move(help));
  }
  // The first fault counts.
  void wrong_at(const toml::source_region& source, std::string message, std::string help = {}) {
    if (fault_) return;
    fault_ = make_diagnostic(Code::E1301, std::move(message), std::move(help));
    const Position start{source.begin.line, source.begin.column}, end{source.end.line, source.end.column};
    fault_->place = Place{name_, {}, start, end};
  }

  const std::string& name_;
  std::vector<std::string_view> known_, outer_;
  std::optional<Diagnostic> fault_;
  std::optional<ConfigTable> inner_;
};

// Text for the TOML parser, which in its release 3.3.0 runs into undefined behaviour at some letters beyond ASCII: those may stand in lines that are
// comments, and are no error there. `bad` is where the first other one stands.
std::string ascii_only(std::string_view text, std::optional<std::size_t>& bad) {
  std::string out(text);
  bool comment = false, start = true;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = out[i];
    if (c == '\n') {
      comment = false;
      start = true;
      continue;
    }
    if (start && c != ' ' && c != '\t') {
      comment = c == '#';
      start = false;
    }
    if (static_cast<unsigned char>(c) < 0x80) continue;
    if (!comment && !bad) bad = i;
    out[i] = '?';
  }
  return out;
}

// The table [ssh], without what has its default; nothing if all has.
std::string print_ssh(const SshSettings& ssh) {
  const SshSettings defaults;
  if (ssh == defaults) return {};
  std::string out = "\n[ssh]\n";
  const auto add = [&](std::string_view key, const auto& value, const auto& usual) {
    if (value == usual) return;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>)
      out += fmt::format("{} = {}\n", key, toml_text(value));
    else
      out += fmt::format("{} = {}\n", key, value);
  };
  add("enabled", ssh.enabled, defaults.enabled);
  for (std::size_t i = 0; i < ssh.deny_users.size(); ++i)
    out += fmt::format("{}{}", i == 0 ? "deny_users = [" : ", ", toml_text(ssh.deny_users[i]));
  if (!ssh.deny_users.empty()) out += "]\n";
  add("formality", ssh.formality, defaults.formality);
  add("allow_agent", ssh.allow.agent, defaults.allow.agent);
  add("allow_local", ssh.allow.local, defaults.allow.local);
  add("allow_remote", ssh.allow.remote, defaults.allow.remote);
  add("allow_x11", ssh.allow.x11, defaults.allow.x11);
  add("login_grace_s", ssh.login_grace_s, defaults.login_grace_s);
  add("max_starting", ssh.max_starting, defaults.max_starting);
  add("max_starting_per_source", ssh.max_starting_per_source, defaults.max_starting_per_source);
  add("keepalive_s", ssh.keepalive_s, defaults.keepalive_s);
  add("keepalive_count", ssh.keepalive_count, defaults.keepalive_count);
  add("rekey_mb", ssh.rekey_mb, defaults.rekey_mb);
  add("host_keys", ssh.host_keys, defaults.host_keys);
  add("pam_service", ssh.pam_service, defaults.pam_service);
  add("sftp_server", ssh.sftp_server, defaults.sftp_server);
  add("session_program", ssh.session_program, defaults.session_program);
  add("session_socket", ssh.session_socket, defaults.session_socket);
  add("ssh_program", ssh.ssh_program, defaults.ssh_program);
  add("ssh_user", ssh.ssh_user, defaults.ssh_user);
  add("steer_by", ssh.steer_by, defaults.steer_by);
  return out;
}

}  // namespace

std::string usual_program(std::string_view name) {
  static const std::string folder = [] {
    char program[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", program, sizeof program);
    const std::string_view text(program, length < 0 ? 0 : static_cast<std::size_t>(length));
    const std::size_t end = text.rfind("/sbin/");
    const bool installed = end != std::string_view::npos && text.find('/', end + 6) == std::string_view::npos;
    return std::string(installed ? text.substr(0, end) : "/usr") + "/libexec/aclnode/";
  }();
  return folder + std::string(name);
}

Expected<Config> read_config(const std::string& path) {
  const auto text = read_file(path, config_limit);
  if (!text) return tl::unexpected(text.error());
  return parse_config(*text, path);
}

Expected<Config> parse_config(std::string_view text, const std::string& name) {
  std::optional<std::size_t> bad;
  const std::string plain = ascii_only(text, bad);
  if (bad) {
    const SourceText source(name, std::string(text));
    Diagnostic diagnostic =
        make_diagnostic(Code::E1301, fmt::format("{} is beyond ASCII", quoted(text.substr(*bad, 4))),
                        "such letters may stand in lines that are comments");
    const Position at = source.position(static_cast<std::uint32_t>(*bad));
    diagnostic.place = Place{name, {}, at, at};
    return tl::unexpected(std::move(diagnostic));
  }
  const toml::parse_result parsed = toml::parse(std::string_view(plain), name);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    Diagnostic diagnostic =
        make_diagnostic(Code::E1301, std::string(error.description()), "the file is TOML: https://toml.io");
    const Position at{error.source().begin.line, error.source().begin.column};
    diagnostic.place = Place{name, {}, at, at};
    return tl::unexpected(std::move(diagnostic));
  }
  return Reader(name).read(parsed.table());
}

std::optional<GuardSettings> guard_settings(std::string_view text) {
  std::optional<std::size_t> bad;
  const std::string plain = ascii_only(text, bad);
  const toml::parse_result parsed = toml::parse(std::string_view(plain));
  if (!parsed) return std::nullopt;
  GuardSettings settings;
  settings.interface = parsed.table()["interface"].value_or(std::string());
  const auto mark = parsed.table()["mark"].value_or(std::int64_t{settings.mark});
  if (!is_interface(settings.interface) || mark <= 0 || mark > 0x80000000LL ||
      !std::has_single_bit(static_cast<std::uint64_t>(mark)))
    return std::nullopt;
  settings.mark = static_cast<std::uint32_t>(mark);
  return settings;
}

std::string print_config(const Config& config) {
  const Config defaults;
  std::string out;
  const auto text = [&](std::string_view key, const std::string& value, const std::string& usual) {
    if (value != usual) out += fmt::format("{} = {}\n", key, toml_text(value));
  };
  const auto number = [&](std::string_view key, std::uint32_t value, std::uint32_t usual) {
    if (value != usual) out += fmt::format("{} = {}\n", key, value);
  };
  text("interface", config.interface, "");
  text("source", config.source.url, "");
  out += fmt::format("trust = {}\n", toml_text(config.trust));
  text("state_dir", config.state_dir, defaults.state_dir);
  text("run_dir", config.run_dir, defaults.run_dir);
  text("bpffs_dir", config.bpffs_dir, defaults.bpffs_dir);
  text("wireguard_socket", config.wireguard_socket, "");
  text("net_program", config.net_program, defaults.net_program);
  text("net_user", config.net_user, defaults.net_user);
  text("group", config.group, defaults.group);
  text("decisions", config.decisions, "");
  text("backend", config.backend, defaults.backend);
  text("ca_file", config.source.ca_file, "");
  text("certificate_file", config.source.certificate_file, "");
  text("key_file", config.source.key_file, "");
  text("user", config.source.user, "");
  text("password_file", config.source.password_file, "");
  text("blobs", config.source.blobs, "");
  number("interval", config.source.interval_s, defaults.source.interval_s);
  number("flow_records", config.flow_records, defaults.flow_records);
  number("flow_marks", config.flow_marks, defaults.flow_marks);
  if (config.mark != defaults.mark) out += fmt::format("mark = {:#x}\n", config.mark);
  for (const BreakGlass& entry : config.break_glass) {
    out += fmt::format("\n[[break_glass]]\nfrom = {}\nkey = \"{}\"\n", toml_text(entry.from.text()),
                       release::encode_base64(entry.key));
    for (std::size_t i = 0; i < entry.ports.size(); ++i)
      out += fmt::format("{}\"{}\"", i == 0 ? "ports = [" : ", ", ports_text(entry.ports[i]));
    if (!entry.ports.empty()) out += "]\n";
    if (!entry.login.empty()) out += fmt::format("login = {}\n", toml_text(entry.login));
  }
  return out + print_ssh(config.ssh) + print_check(config.check) + print_recording(config.recording) +
         print_sshd(config.sshd);
}

}  // namespace acl::node
