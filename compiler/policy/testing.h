// For the tests of this folder: a policy's text in, what is said about it out. Each question is one call.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/policy/load.h"

namespace acl::policy {

// A policy's text and the answer to it.
struct Checked {
  std::string text;
  std::shared_ptr<const Loaded> loaded;

  [[nodiscard]] bool accepted() const { return loaded->accepted(); }
  // What the control plane would answer; "" if it would accept.
  [[nodiscard]] std::string message() const {
    const std::string* message = loaded->message();
    return message == nullptr ? "" : *message;
  }
  [[nodiscard]] std::size_t count(Code code) const {
    const auto& list = loaded->diagnostics;
    return static_cast<std::size_t>(
        std::count_if(list.begin(), list.end(), [code](const Diagnostic& d) { return d.code == code; }));
  }
  [[nodiscard]] bool has(Code code) const { return count(code) != 0; }
  // The first diagnostic of this code; an empty one, and a failure of the test, if there is none.
  [[nodiscard]] Diagnostic of(Code code) const {
    for (const Diagnostic& diagnostic : loaded->diagnostics) {
      if (diagnostic.code == code) return diagnostic;
    }
    ADD_FAILURE() << "no " << code_name(code) << " in: " << text << "\nbut: " << summary();
    return {};
  }
  [[nodiscard]] std::string said(Code code) const { return of(code).message; }
  [[nodiscard]] std::string help(Code code) const { return of(code).help; }
  // "3:14", where the first diagnostic of this code begins.
  [[nodiscard]] std::string at(Code code) const {
    const Diagnostic found = of(code);
    return found.place ? std::to_string(found.place->start.line) + ":" + std::to_string(found.place->start.column) : "";
  }
  // The text that it underlines.
  [[nodiscard]] std::string under(Code code) const {
    const Diagnostic found = of(code);
    return found.place ? slice(found.place->bytes) : "";
  }
  // The text that its first related place underlines.
  [[nodiscard]] std::string related(Code code) const {
    const Diagnostic found = of(code);
    return found.related.empty() ? "" : slice(found.related.front().place.bytes);
  }
  // All codes in the order of the report, one name each: "E0301 W0322".
  [[nodiscard]] std::string codes() const {
    std::string out;
    for (const Diagnostic& diagnostic : loaded->diagnostics) {
      out += (out.empty() ? "" : " ") + std::string(code_name(diagnostic.code));
    }
    return out;
  }
  // The codes of its errors alone.
  [[nodiscard]] std::string errors() const {
    std::string out;
    for (const Diagnostic& diagnostic : loaded->diagnostics) {
      if (diagnostic.severity != Severity::error) continue;
      out += (out.empty() ? "" : " ") + std::string(code_name(diagnostic.code));
    }
    return out;
  }
  [[nodiscard]] std::string summary() const {
    std::string out;
    for (const Diagnostic& diagnostic : loaded->diagnostics) {
      out += std::string(code_name(diagnostic.code)) + " " + diagnostic.message + "\n";
    }
    return out;
  }
  [[nodiscard]] const Policy& policy() const { return loaded->file->policy; }

 private:
  [[nodiscard]] std::string slice(Span span) const { return text.substr(span.begin, span.end - span.begin); }
};

inline Checked checked(std::string text, Dialect dialect = Dialect::tailscale) {
  auto loaded = std::make_shared<const Loaded>(load_policy("policy.hujson", text, dialect));
  return {std::move(text), std::move(loaded)};
}

inline constexpr Dialect headscale = Dialect::headscale;

// A little tailnet for rules to speak of. group:eng has two people and group:empty none; vault is one address and lan a
// prefix.
inline std::string tailnet(Dialect dialect = Dialect::tailscale) {
  std::string names = R"("groups":{"group:eng":["ana@example.com","bo@example.com"],"group:empty":[]},)"
                      R"("hosts":{"vault":"10.20.0.9","lan":"10.20.0.0/16"},)"
                      R"("tagOwners":{"tag:server":[],"tag:db":[],"tag:router":[]},)";
  if (dialect == Dialect::tailscale) {
    names += R"("ipsets":{"ipset:dc":["10.8.0.0/14"]},"postures":{"posture:managed":["node:os == 'linux'"]},)";
  }
  return names;
}

// `sections`, in that tailnet.
inline Checked in_tailnet(const std::string& sections, Dialect dialect = Dialect::tailscale) {
  return checked("{" + tailnet(dialect) + sections + "}", dialect);
}

// One rule in that tailnet. Lists are given as they stand between brackets: R"("group:eng","*")"; `more` holds further
// members, each with a comma in front.
inline Checked acl(const std::string& src, const std::string& dst, const std::string& more = "",
                   Dialect dialect = Dialect::tailscale) {
  return in_tailnet(R"("acls":[{"action":"accept","src":[)" + src + R"(],"dst":[)" + dst + "]" + more + "}]", dialect);
}
inline Checked grant(const std::string& src, const std::string& dst, const std::string& more = R"(,"ip":["*"])",
                     Dialect dialect = Dialect::tailscale) {
  return in_tailnet(R"("grants":[{"src":[)" + src + R"(],"dst":[)" + dst + "]" + more + "}]", dialect);
}
inline Checked ssh(const std::string& action, const std::string& src, const std::string& dst,
                   const std::string& more = R"(,"users":["root"])", Dialect dialect = Dialect::tailscale) {
  return in_tailnet(R"("ssh":[{"action":")" + action + R"(","src":[)" + src + R"(],"dst":[)" + dst + "]" + more + "}]",
                    dialect);
}
inline Checked policy_test(const std::string& members, Dialect dialect = Dialect::tailscale) {
  return in_tailnet(R"("tests":[{)" + members + "}]", dialect);
}
inline Checked ssh_test(const std::string& members, Dialect dialect = Dialect::tailscale) {
  return in_tailnet(R"("sshTests":[{)" + members + "}]", dialect);
}

}  // namespace acl::policy
