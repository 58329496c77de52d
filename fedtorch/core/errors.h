#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::core {

/// Names a position in something the user wrote.
/// `line` and `column` count from 1; 0 means "not known" (for example an
/// override on the command line, where `file` says which one).
struct Place {
  std::string file;
  int line = 0;
  int column = 0;

  /// Formats "file:line:column", leaving out what is not known.
  std::string ToString() const;
  friend bool operator==(const Place&, const Place&) = default;
};

/// Describes one thing that is wrong with a configuration.
struct Problem {
  Place place;
  std::string path;         ///< dotted key, e.g. "client.optimizer.lr"
  std::string message;      ///< expected against found, and what to do
  std::string source_line;  ///< text of the line, empty when not known

  /// Formats "file:line:column: error: path: message".
  std::string ToString() const;
};

/// Reports what the user wrote wrongly; exit code 2.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<Problem> problems);
  /// Reports a mistake that has no place in a file, e.g. on the command line.
  explicit ConfigError(const std::string& message);
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// Reports data that is missing, truncated or not what its format says;
/// exit code 4. The text names file, offset or line, expected, found.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reports a run that failed; exit code 1. Context is attached on the way up.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reports a training that left the finite numbers; exit code 3.
class Diverged : public RunError {
 public:
  using RunError::RunError;
};

/// Reports a broken internal assumption; exit code 70. Never the user's fault.
class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws `Bug` with place and text. Out of line so that checks stay small.
[[noreturn]] void ThrowBug(const char* file,
                           int line,
                           const char* condition,
                           const std::string& detail);

}  // namespace fedtorch::core

/// Checks an internal assumption, in every build type; throws core::Bug.
#define FEDTORCH_CHECK(condition, detail)                                   \
  do {                                                                      \
    if (!(condition)) [[unlikely]] {                                        \
      ::fedtorch::core::ThrowBug(__FILE__, __LINE__, #condition, (detail)); \
    }                                                                       \
  } while (false)
