// The verbs of aclc. Each has a file of its own, named after it, that holds its whole story: options, work, printing.
//
// Exit codes, everywhere: 0 yes, 1 no (refused, failing), 2 wrong usage, 3 could not read or write.
#pragma once

namespace CLI {
class App;
}

namespace acl::cli {

inline constexpr int exit_yes = 0;
inline constexpr int exit_no = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unreadable = 3;

// Each declares its verb's options and, once the verb was given, leaves its exit code in `exit_code`.
void add_check(CLI::App& app, int& exit_code);
void add_fmt(CLI::App& app, int& exit_code);
void add_explain(CLI::App& app, int& exit_code);
void add_import(CLI::App& app, int& exit_code);
void add_show(CLI::App& app, int& exit_code);
void add_can(CLI::App& app, int& exit_code);
void add_test(CLI::App& app, int& exit_code);
void add_schema(CLI::App& app, int& exit_code);

}  // namespace acl::cli
