#pragma once

#include <filesystem>
#include <optional>

namespace fedtorch::record {

/// Owns a piece of work that several processes could take up, by a lock on a
/// file. The lock goes with the process, however it ends; the file stays.
/// Threads: one caller. On file systems without locks every claim succeeds.
class Claim {
 public:
  /// Makes the file when missing; nullopt when another claim holds it.
  /// Throws: RunError when the file cannot be opened.
  static std::optional<Claim> Try(const std::filesystem::path& file);

  ~Claim();
  Claim(Claim&& other) noexcept;
  Claim& operator=(Claim&& other) noexcept;

 private:
  explicit Claim(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace fedtorch::record
