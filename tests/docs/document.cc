#include "tests/docs/document.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace fedtorch::docs {
namespace {

std::string_view Trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::filesystem::path Root() {
  const char* root = std::getenv("FEDTORCH_SOURCE_DIR");
  if (root == nullptr) {
    throw std::runtime_error(
        "FEDTORCH_SOURCE_DIR is not set; run this test by ctest");
  }
  return root;
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(Root() / path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return text.str();
}

std::string Between(const std::string& text,
                    std::string_view begin,
                    std::string_view end) {
  std::istringstream lines(text);
  std::string inside;
  std::string line;
  int begins = 0;
  bool open = false;
  bool closed = false;
  while (std::getline(lines, line)) {
    if (Trimmed(line) == begin) {
      ++begins;
      open = begins == 1;
    } else if (open && Trimmed(line) == end) {
      open = false;
      closed = true;
    } else if (open) {
      inside += line + '\n';
    }
  }
  if (begins != 1 || !closed) {
    throw std::runtime_error("expected one block from '" + std::string(begin) +
                             "' to '" + std::string(end) + "', found " +
                             std::to_string(begins));
  }
  return inside;
}

std::string FirstDifference(const std::string& expected,
                            const std::string& found) {
  std::istringstream left(expected);
  std::istringstream right(found);
  for (int number = 1;; ++number) {
    std::string a;
    std::string b;
    const bool has_a = static_cast<bool>(std::getline(left, a));
    const bool has_b = static_cast<bool>(std::getline(right, b));
    if (!has_a && !has_b) break;
    if (a != b || has_a != has_b) {
      return "line " + std::to_string(number) +
             "\n  expected: " + (has_a ? a : "(end)") +
             "\n  found:    " + (has_b ? b : "(end)");
    }
  }
  return expected == found ? "" : "the last line ends without a newline";
}

}  // namespace fedtorch::docs
