#pragma once

#include "fedtorch/config/value.h"

#include <filesystem>
#include <string>
#include <vector>

namespace fedtorch::config {

/// Puts `upper` over `lower`, key by key.
///
/// A mapping whose `name` differs from the lower one's replaces it as a whole,
/// since the parameters of one kind mean nothing to another (what came from
/// the same layer stays); a word over or under a mapping counts as
/// {name: word}. Lists are replaced. `is_root` keeps the top level
/// from being taken for a kind because it has a `name`.
void MergeOver(Value& lower, Value upper, int layer, bool is_root);

/// Marks all entries of a value as given by a layer.
void SetLayer(Value& value, int layer);

/// Loads files with the files that their `defaults` name, and merges them.
class LayerLoader {
 public:
  LayerLoader(Sources* sources, std::vector<core::Problem>* problems)
      : sources_(sources), problems_(problems) {}

  /// Adds a file on top of what was loaded.
  /// Throws: ConfigError when it, or a file that it names, is missing, is not
  /// YAML or names itself.
  void AddFile(const std::filesystem::path& file);
  /// Adds a text that is named `name` in places.
  void AddText(const std::string& text, const std::string& name);

  Value& root() { return root_; }
  /// Number of layers so far, which is the layer of what comes next.
  int layers() const { return layers_; }

 private:
  void AddDefaults(const Value::Entry& defaults,
                   const std::filesystem::path& file);
  std::filesystem::path FindDefaults(const Value& word,
                                     const std::filesystem::path& file) const;

  Sources* sources_;
  std::vector<core::Problem>* problems_;
  std::vector<std::filesystem::path> open_;  // files that include each other
  Value root_ = Value::Mapping({});
  int layers_ = 0;
};

}  // namespace fedtorch::config
