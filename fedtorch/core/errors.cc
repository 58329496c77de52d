#include "fedtorch/core/errors.h"

#include <algorithm>

namespace fedtorch::core {
namespace {

// More problems than this on one screen hide the first one.
constexpr std::size_t kMostShown = 20;

std::string Join(const std::vector<Problem>& problems) {
  std::string text;
  const std::size_t shown = std::min(problems.size(), kMostShown);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) text += '\n';
    text += problems[i].ToString();
  }
  if (shown < problems.size()) {
    text += "\n... and " + std::to_string(problems.size() - shown) +
            " more problems";
  }
  return text;
}

}  // namespace

std::string Place::ToString() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line);
  if (line > 0 && column > 0) text += ":" + std::to_string(column);
  return text;
}

std::string Problem::ToString() const {
  std::string text = place.ToString();
  if (!text.empty()) text += ": ";
  text += "error: ";
  if (!path.empty()) text += path + ": ";
  text += message;
  if (!source_line.empty() && place.column > 0) {
    text += "\n    " + source_line + "\n    " +
            std::string(static_cast<std::size_t>(place.column - 1), ' ') + "^";
  }
  return text;
}

ConfigError::ConfigError(std::vector<Problem> problems)
    : std::runtime_error(Join(problems)), problems_(std::move(problems)) {}

ConfigError::ConfigError(const std::string& message)
    : ConfigError(std::vector<Problem>{Problem{{}, "", message, ""}}) {}

void ThrowBug(const char* file,
              int line,
              const char* condition,
              const std::string& detail) {
  throw Bug(std::string("internal check failed at ") + file + ":" +
            std::to_string(line) + ": " + condition + ": " + detail +
            "; please report this");
}

}  // namespace fedtorch::core
