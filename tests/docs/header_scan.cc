#include "tests/docs/header_scan.h"

#include <regex>
#include <sstream>
#include <string_view>

namespace fedtorch::docs {
namespace {

bool OpensNamespace(const std::string& line) {
  return line.starts_with("namespace ");
}

// A line that begins a statement of its own but declares nothing to document.
bool IsPlumbing(const std::string& line) {
  static const std::regex forward("^(class|struct|enum class) [A-Za-z0-9_:]+;");
  return line.starts_with("using namespace") || line.starts_with("friend ") ||
         line.starts_with("extern template") ||
         line.starts_with("static_assert") || std::regex_search(line, forward);
}

// Net number of opened braces and brackets, comments and literals aside.
int Depth(const std::string& line) {
  int depth = 0;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '"' || (c == '\'' && (i == 0 || !isalnum(line[i - 1])))) {
      quote = c;
    } else if (c == '/' && i + 1 < line.size() && line[i + 1] == '/') {
      break;
    } else if (c == '{' || c == '(') {
      ++depth;
    } else if (c == '}' || c == ')') {
      --depth;
    }
  }
  return depth;
}

// Whether a statement at depth 0 is complete with this line.
bool Ends(const std::string& line) {
  const std::string code = line.substr(0, line.find("//"));
  const auto last = code.find_last_not_of(' ');
  return last != std::string::npos && (code[last] == ';' || code[last] == '}');
}

}  // namespace

std::vector<std::string> HeaderProblems(const std::string& header) {
  std::vector<std::string> problems;
  if (!header.starts_with("#pragma once\n")) {
    problems.push_back("line 1: expected #pragma once");
  }
  std::istringstream lines(header);
  std::string line;
  int depth = 0;
  bool inside = false;      // between the first and last line of a declaration
  bool documented = false;  // by the line above
  bool macro = false;       // the line before ended with a backslash
  for (int number = 1; std::getline(lines, line); ++number) {
    if (macro || line.starts_with('#')) {
      macro = line.ends_with('\\');
      documented = false;
      continue;
    }
    if (!inside) {
      if (line.starts_with("///")) {
        documented = true;
        continue;
      }
      if (line.empty()) {
        documented = false;
        continue;
      }
      if (line.starts_with("//")) continue;
      if (OpensNamespace(line) || line.starts_with("}")) {
        documented = false;
        continue;
      }
      if (!IsPlumbing(line) && !documented) {
        problems.push_back("line " + std::to_string(number) +
                           ": expected a /// comment above: " + line);
      }
      // What follows without a blank line shares the comment.
      documented = !IsPlumbing(line) || documented;
      inside = true;
    }
    depth += Depth(line);
    if (depth == 0 && Ends(line)) inside = false;
  }
  return problems;
}

}  // namespace fedtorch::docs
