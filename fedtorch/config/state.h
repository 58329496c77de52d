#pragma once

#include "fedtorch/config/document.h"
#include "fedtorch/config/scalar.h"
#include "fedtorch/config/section.h"
#include "fedtorch/config/value.h"

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::config {

/// Names what a key holds.
enum class KeyType {
  kInteger,
  kReal,
  kBoolean,
  kText,
  kChoice,
  kSection,      ///< a mapping
  kSectionList,  ///< a list of mappings
  kFlowLists,    ///< a mapping of free keys to lists of free values
};

/// Holds what the code said about a key when it asked for it, and what the
/// key came out as.
struct AskedKey {
  std::string name;
  std::vector<std::string> aliases;
  std::string help;
  std::string unit;
  KeyType type = KeyType::kText;
  bool is_list = false;    ///< a list of `type`
  bool nullable = false;   ///< null is allowed, and the default
  bool automatic = false;  ///< the word auto is allowed, and the default
  IntRange ints;
  RealRange reals;
  std::vector<std::string> choices;
  /// The default; nullopt where the key is required.
  std::optional<std::vector<Scalar>> fallback;
  std::vector<Scalar> value;          ///< what the key came out as
  std::vector<int> sections;          ///< of kSection (one) and kSectionList
  const Value* free_value = nullptr;  ///< of kFlowLists; nullptr: not given
  bool optional = false;  ///< a section that means something by being there
  /// An optional section that was not given: no part of the resolved config.
  bool left_out = false;

  AskedKey(const Key& key, KeyType key_type);
};

/// Holds the keys of one kind while key facts are recorded.
struct KindVariant {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<AskedKey> keys;
};

/// Holds one mapping that the code has opened.
struct OpenedSection {
  std::string path;
  core::Place place;   ///< of its key, or of the nearest one around
  bool given = false;  ///< `place` is its own
  int parent = -1;
  const Value* value = nullptr;  ///< the mapping; nullptr: no keys are given
  /// Its keys are not judged: it is not a mapping, or its kind is unknown.
  bool muted = false;
  /// What stands there instead of a mapping; allowed where it names a kind.
  const Value* short_form = nullptr;
  bool allows_short_form = false;
  bool has_kind = false;
  std::vector<AskedKey> keys;

  // While key facts are recorded:
  std::vector<KindVariant> variants;
  std::optional<std::string> kind_fallback;
  int active_variant = -1;  ///< the kind whose keys are being recorded
  int chosen_variant = -1;
  bool open_ended = false;  ///< a part inside itself; not recorded again
};

/// Holds a config, what was asked of it, and what is wrong with it.
class DocumentState : public std::enable_shared_from_this<DocumentState> {
 public:
  /// Opens the root; call once, when `root` is complete.
  void OpenRoot(const core::Place& place);
  Section Root() { return Section(shared_from_this(), 0); }
  /// Reads a key that holds scalars; see `Section`.
  std::vector<Scalar> Read(int section, AskedKey key);
  /// Opens a mapping; `is_kind` where it may be written as one word.
  int OpenChild(int section, const Key& key, bool is_kind);
  /// Opens a mapping when it was given or facts are recorded, else returns -1.
  int OpenOptionalChild(int section, const Key& key);
  std::vector<int> OpenChildren(int section, const Key& key);
  std::vector<FlowList> ReadFlowLists(int section, const Key& key);
  /// Chooses the kind of an open section.
  std::optional<std::size_t> ChooseKind(
      int section,
      const std::vector<KindFacts>& kinds,
      std::optional<std::string_view> fallback);
  bool Has(int section, std::string_view name) const;
  void Report(core::Place place, std::string path, std::string message);
  void Fail(int section, std::string_view name, const std::string& message);
  std::vector<core::Problem> Problems() const;

  OpenedSection& section(int index) {
    return sections_[static_cast<std::size_t>(index)];
  }
  const OpenedSection& section(int index) const {
    return sections_[static_cast<std::size_t>(index)];
  }

  bool recording = false;
  Value root;
  Sources sources;
  std::vector<core::Problem> problems;
  std::vector<std::string> notes;

 private:
  /// Registers a key, or finds it when it was asked for before.
  AskedKey& Register(int section, AskedKey key);
  /// Tells whether a section, or one around it, is not judged.
  bool IsMuted(int section) const;
  /// Finds what the user gave for a key under any of its names.
  const Value::Entry* FindGiven(int section, const AskedKey& key);
  /// Opens a mapping at `value` (nullptr: nothing is given).
  int Open(int parent,
           std::string path,
           const Value* value,
           const core::Place& place);
  std::optional<std::vector<Scalar>> Convert(const std::string& path,
                                             const AskedKey& key,
                                             const Value& value);
  void ReportMissing(int section,
                     std::string_view name,
                     const std::string& expected);
  std::optional<std::size_t> FindKind(int section,
                                      const std::vector<KindFacts>& kinds,
                                      const std::string& path,
                                      const Value& name);
  std::optional<std::size_t> RecordKinds(
      int section,
      const std::vector<KindFacts>& kinds,
      std::optional<std::string_view> fallback);
  void ReportUnknownKeys(int section, std::vector<core::Problem>* found) const;
  std::string AdviseOnUnknownKey(int section, const std::string& key) const;

  std::deque<OpenedSection> sections_;  // references stay valid
  std::set<std::string> misread_;       // paths of keys with a problem
};

}  // namespace fedtorch::config
