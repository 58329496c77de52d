#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/data/dataset.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::data {

/// Names a file that was read, for the record.
struct SourceFile {
  std::filesystem::path path;
  std::string sha256;
};

/// Holds what a reader delivers: training samples and, where the format has
/// one, a central test set.
struct Corpus {
  Dataset train;
  std::optional<Dataset> test;
  std::vector<SourceFile> files;
  /// What the user should know, one sentence each, e.g. how many rows were
  /// left out and why. Equal for equal data and seed.
  std::vector<std::string> notes;
};

/// Reads one data format. Made from the keys of its config section; touches
/// no file before `Load`.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Reads and checks everything. `seed` serves generators and random splits.
  /// Throws: DataError that names file, offset or line, expected and found.
  virtual Corpus Load(std::uint64_t seed) const = 0;
};

/// Describes a kind of reader; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;  ///< one sentence
  std::string_view source;   ///< where the format or generator is defined
  std::unique_ptr<Reader> (*make)(config::Section&);
};

/// Returns all kinds: those of this folder in alphabetical order, then those
/// added by `Use`.
std::span<const Kind* const> AllKinds();
/// Adds a kind from outside the tree. Call it before reading a config.
/// Throws: Bug when the name is taken.
void Use(const Kind& kind);

/// The generated table of kinds/ and the stems of its files.
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

/// Finds a data file or folder: as given if absolute or present, else in
/// datasets/, then in each folder of $FEDTORCH_DATA (separated by ':'), then in
/// /usr/share/datasets.
/// Throws: DataError that lists every place looked at.
std::filesystem::path FindData(const std::filesystem::path& name);

}  // namespace fedtorch::data
