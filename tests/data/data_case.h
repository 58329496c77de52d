#pragma once

#include "fedtorch/data/reader.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::data {

/// Makes the reader of a config text such as "{name: idx, ...}".
/// Throws: ConfigError.
std::unique_ptr<Reader> ReaderOf(const std::string& text);
/// Loads it with seed 1.
Corpus Load(const std::string& text);

/// Returns the message of the DataError that loading ends with, or "".
std::string Refusal(const std::string& text);
/// Returns the message of the ConfigError that reading the keys ends with.
std::string ConfigRefusal(const std::string& text);

/// Is a folder that disappears with this object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file and returns its path.
  std::string Write(const std::string& name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

/// Packs bytes as gzip by zlib.
std::string Gzip(std::string_view bytes);

/// Makes an IDX file; `type` is 0x08 or 0x0c.
std::string IdxBytes(std::uint8_t type,
                     const std::vector<std::uint32_t>& shape,
                     const std::string& elements);
/// Formats a big-endian 32-bit integer.
std::string BigEndian(std::int64_t value);

/// Returns the path of a sample that is committed beside the tests.
std::string Sample(const std::string& name);

/// Gathers all features, or one sample's.
std::vector<float> FeaturesOf(const Dataset& dataset);
std::vector<float> FeaturesOf(const Dataset& dataset, std::int64_t sample);

}  // namespace fedtorch::data
