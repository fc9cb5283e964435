// The recorded answers of the hosted service: ACL_SHARED_DIR/conformance/CATEGORY/ID.json, an optional folder.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace acl {

struct Case {
  std::string id, category, policy;
  nlohmann::json inventory, expect;
  std::vector<std::string> unreliable;  // members of expect.nodes.* that are not to be compared

  [[nodiscard]] bool accepted() const { return expect.at("accepted").get<bool>(); }
  // The service's words; "" if it accepted.
  [[nodiscard]] std::string message() const {
    return expect.at("error_message").is_string() ? expect.at("error_message").get<std::string>() : std::string();
  }
};

// By id; none if there is no such folder.
inline std::vector<Case> read_cases() {
  std::vector<Case> cases;
  const std::filesystem::path folder = std::filesystem::path(ACL_SHARED_DIR) / "conformance";
  if (!std::filesystem::is_directory(folder)) return cases;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    const auto json = nlohmann::json::parse(file);
    Case c{json.at("id"), json.at("category"), json.at("policy"), json.at("inventory"), json.at("expect"), {}};
    if (json.contains("unreliable")) c.unreliable = json["unreliable"].get<std::vector<std::string>>();
    cases.push_back(std::move(c));
  }
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return a.id < b.id; });
  return cases;
}

}  // namespace acl
