#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace fedtorch::scenarios {

/// Holds what a program printed and how it ended.
struct Ended {
  int code = 0;        ///< exit code, or 128 + signal
  std::string output;  ///< stdout
  std::string errors;  ///< stderr
};

/// Is a running `fedrun` (its path stands in FEDTORCH_FEDRUN).
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments,
                   const std::filesystem::path& folder = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int signal) const;
  Ended Wait();

 private:
  pid_t process_ = -1;
  std::filesystem::path files_;  // where its output goes
};

/// Runs `fedrun` to its end.
Ended Fedrun(const std::vector<std::string>& arguments,
             const std::filesystem::path& folder = {});

/// Owns a folder for one test.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Writes a file into the folder and returns its path.
  std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

std::string ReadFile(const std::filesystem::path& path);
/// Returns the only run directory below `output`.
std::filesystem::path OnlyRun(const std::filesystem::path& output);

/// A config that trains in a fraction of a second on generated images.
extern const char* const kTiny;

}  // namespace fedtorch::scenarios
