#pragma once

#include <filesystem>
#include <string>

namespace fedtorch::study {

/// Owns a temporary folder for one test.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Writes a file, with the folders around it, and returns its path.
  std::filesystem::path Write(const std::string& name,
                              const std::string& text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace fedtorch::study
