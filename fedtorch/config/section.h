#pragma once

#include "fedtorch/core/errors.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::config {

/// Describes one key. This is the only source of its facts: the check, the
/// resolved config, `fedrun describe`, the JSON Schema and the reference page
/// are all made from it.
struct Key {
  std::string_view name;
  std::string_view help;                       ///< one sentence
  std::string_view unit = {};                  ///< e.g. "samples", "seconds"
  std::vector<std::string_view> aliases = {};  ///< foreign names, accepted
};

/// Bounds an integer; both ends are allowed.
struct IntRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

/// Bounds a number; an end is allowed unless it is open.
struct RealRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool open_min = false;  ///< min itself is not allowed
  bool open_max = false;
};

class DocumentState;

/// Holds a value that the reader does not judge, as the user wrote it.
struct FlowValue {
  std::string text;  ///< YAML flow syntax on one line; fit for an override
  core::Place place;
  std::string source_line;  ///< of the place, empty when not known
};

/// Holds one key of a free mapping with its list of values.
struct FlowList {
  std::string key;
  core::Place place;  ///< of the key
  std::vector<FlowValue> values;
};

/// Describes a kind to the reader: its name, its documentation, and the
/// function that reads its own keys (used for recording).
struct KindFacts {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::function<void(class Section&)> read;
};

/// Reads one mapping of a config.
///
/// Each call asks for one key; a key that nobody asked for is a problem at
/// `Document::Finish`. A default outside its range is a mistake, too (it may
/// depend on another key). On a mistake the reader records a problem with its
/// place and returns the fallback (for a required key: a neutral value inside
/// the range), so that all problems are found in one go. Nothing throws before
/// `Document::Finish`.
///
/// A missing `fallback` makes a key required. Threads: one thread.
class Section {
 public:
  std::int64_t Int(const Key& key,
                   std::optional<std::int64_t> fallback,
                   IntRange range = {});
  double Real(const Key& key,
              std::optional<double> fallback,
              RealRange range = {});
  bool Bool(const Key& key, std::optional<bool> fallback);
  std::string Text(const Key& key, std::optional<std::string> fallback);
  /// Reads one of `values`; an unknown word gets a suggestion.
  std::string Choice(const Key& key,
                     const std::vector<std::string_view>& values,
                     std::optional<std::string> fallback);

  /// These accept `null`, which is also the default.
  std::optional<std::int64_t> OptionalInt(const Key& key, IntRange range = {});
  std::optional<double> OptionalReal(const Key& key, RealRange range = {});
  std::optional<std::string> OptionalText(const Key& key);
  /// Reads the word `auto` (the default, returned as nullopt) or a number.
  std::optional<std::int64_t> AutoInt(const Key& key, IntRange range = {});
  std::optional<double> AutoReal(const Key& key, RealRange range = {});

  std::vector<std::int64_t> Ints(
      const Key& key,
      std::optional<std::vector<std::int64_t>> fallback,
      IntRange range = {});
  std::vector<double> Reals(const Key& key,
                            std::optional<std::vector<double>> fallback,
                            RealRange range = {});
  std::vector<std::string> Texts(
      const Key& key, std::optional<std::vector<std::string>> fallback);

  /// Reads a mapping of free keys, each with a list of values of any sort;
  /// null or absent is empty. An empty list is a problem.
  std::vector<FlowList> FlowLists(const Key& key);

  /// Opens a mapping inside this one; an absent or empty one has no keys, so
  /// that all its keys take their defaults. A second call returns the same.
  Section Child(const Key& key);
  /// Opens a mapping that means something by being there: nullopt when the
  /// user did not give it, and then the resolved config has none.
  std::optional<Section> OptionalChild(const Key& key);
  /// Opens a list of mappings; an absent list is empty. While recording:
  /// one entry.
  std::vector<Section> Children(const Key& key);

  /// Tells whether the user gave the key: under its name, or under one of its
  /// aliases if the key was read before. Null counts as not given. A resolved
  /// config gives every key, so a rule should rather ask for values.
  bool Has(std::string_view name) const;
  /// Records a problem at the place of a key (or of the section when the key
  /// was not given), e.g. for a rule between two keys: name the other one. A
  /// key that is wrong by itself is not judged again.
  void Fail(std::string_view name, const std::string& message);
  /// Returns the dotted path, "" at the top.
  std::string path() const;
  /// True while key facts are recorded instead of a config read: then
  /// cross-field rules have nothing to judge.
  bool recording() const;

  /// Opens the mapping of a pluggable part: `{name: krum, f: 2}`, or only the
  /// name, `krum`. Returns the index of the kind, or nullopt after an unknown
  /// name (recorded, with suggestion; the other keys are then not judged).
  /// While recording, runs `read` of every kind.
  struct ChosenKind {
    std::optional<std::size_t> index;
    std::unique_ptr<Section> section;
  };
  ChosenKind ChooseKind(const Key& key,
                        const std::vector<KindFacts>& kinds,
                        std::optional<std::string_view> fallback);
  /// The same for a mapping that is already open, e.g. one entry of
  /// `Children`; reads `name` from this section itself.
  std::optional<std::size_t> ChooseKindHere(
      const std::vector<KindFacts>& kinds,
      std::optional<std::string_view> fallback);

 private:
  friend class Document;
  friend class DocumentState;
  Section(std::shared_ptr<DocumentState> state, int node)
      : state_(std::move(state)), node_(node) {}

  std::shared_ptr<DocumentState> state_;
  int node_;  // index of the mapping in the state
};

/// Makes the kind that a config names; `K` is a room's `Kind` struct with
/// `name`, `summary`, `source` and `make(Section&)` returning a unique_ptr.
/// Returns nullptr after an unknown name (then `Finish` will throw).
template <class K>
auto MakeKind(Section& parent,
              const Key& key,
              std::span<const K* const> kinds,
              std::optional<std::string_view> fallback)
    -> decltype(kinds[0]->make(parent)) {
  std::vector<KindFacts> facts;
  for (const K* kind : kinds) {
    facts.push_back(
        {kind->name, kind->summary, kind->source, [kind](Section& section) {
           kind->make(section);
         }});
  }
  auto chosen = parent.ChooseKind(key, facts, fallback);
  if (!chosen.index) return nullptr;
  return kinds[*chosen.index]->make(*chosen.section);
}

}  // namespace fedtorch::config
