#include "compiler/emit/answers.h"

#include <fmt/format.h>

#include "compiler/emit/people.h"

namespace acl::emit {
namespace {

std::uint32_t line_of(const policy::PolicyFile& file, const resolve::Origin& origin) {
  return file.source.position(origin_span(file.policy, origin).begin).line;
}

}  // namespace

std::string answer_json(const policy::PolicyFile& file, const questions::Answer& answer) {
  const auto quoted = [](std::string_view text) { return hujson::quote(text); };
  const bool placed = answer.has_rule && answer.origin.section != resolve::Section::allow_all;
  std::string out = fmt::format(
      "{{\"verdict\": \"{}\", \"rule\": {}, \"file\": {}, \"line\": {}, \"layers\": [",
      questions::verdict_name(answer.verdict), placed ? quoted(resolve::origin_name(answer.origin)) : "null",
      quoted(file.source.name()), placed ? std::to_string(line_of(file, answer.origin)) : "null");
  for (std::size_t i = 0; i < answer.layers.size(); ++i) {
    const questions::Layer& layer = answer.layers[i];
    out += fmt::format("{}{{\"name\": {}, \"ok\": {}, \"reason\": {}}}", i == 0 ? "" : ", ", quoted(layer.name),
                       layer.ok, quoted(layer.reason));
  }
  out += "], \"nearest\": [";
  for (std::size_t i = 0; i < answer.nearest.size(); ++i) {
    const questions::Nearest& rule = answer.nearest[i];
    out += fmt::format("{}{{\"rule\": {}, \"file\": {}, \"line\": {}, \"failed\": {}}}", i == 0 ? "" : ", ",
                       quoted(resolve::origin_name(rule.origin)), quoted(file.source.name()),
                       line_of(file, rule.origin), quoted(rule.failed));
  }
  return out + "]}\n";
}

std::string answer_text(const policy::PolicyFile& file, const questions::Answer& answer) {
  const auto place = [&](const resolve::Origin& origin) {
    if (origin.section == resolve::Section::allow_all)
      return std::string("neither acls nor grants: everything is allowed");
    return fmt::format("{}:{}: {}", file.source.name(), line_of(file, origin), resolve::origin_name(origin));
  };
  std::string out = answer.verdict == questions::Verdict::deny    ? "no\n"
                    : answer.verdict == questions::Verdict::check ? "yes, after a check\n"
                                                                  : "yes\n";
  for (const questions::Layer& layer : answer.layers) {
    out += fmt::format("  {:<8} {}  {}\n", layer.name, layer.ok ? "ok" : "NO", layer.reason);
  }
  if (answer.has_rule) out += fmt::format("  by {}\n", place(answer.origin));
  if (answer.verdict == questions::Verdict::deny) {
    for (const std::string& pair : answer.pairs) out += fmt::format("  {}\n", pair);
    if (!answer.nearest.empty()) out += "nearest rules:\n";
    for (const questions::Nearest& rule : answer.nearest)
      out += fmt::format("  {}: {}\n", place(rule.origin), rule.failed);
  }
  return out;
}

}  // namespace acl::emit
