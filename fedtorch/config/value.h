#pragma once

#include "fedtorch/core/errors.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::config {

/// Holds one value of a config as the user wrote it, with its place.
///
/// The place of a scalar is its own; that of a mapping, a list, an empty value
/// or the use of an alias is that of its key, because the YAML parser gives
/// the place of their first entry or of the anchor instead.
struct Value {
  enum class Type { kNull, kScalar, kList, kMapping };
  struct Entry;

  Type type = Type::kNull;
  std::string text;      ///< of a scalar, without quotes
  bool quoted = false;   ///< of a scalar; then it is text whatever it holds
  bool untyped = false;  ///< from the environment: text or data, as the key is
  bool broken = false;   ///< a problem was reported; read as nothing
  core::Place place;
  std::vector<Value> items;    ///< of a list
  std::vector<Entry> entries;  ///< of a mapping, in the order written

  /// Returns the entry of a key, or nullptr.
  const Entry* Find(std::string_view key) const;
  Entry* Find(std::string_view key);
  /// Returns the entry of a key or the item of an index, or nullptr.
  Value* Step(const std::string& step);
  /// Tells whether this value or one inside it is broken.
  bool HasBroken() const;
  /// Counts the values in this one, itself included.
  std::size_t Count() const;
  /// Counts the levels of lists and mappings in this value; 1 for a scalar.
  std::size_t Depth() const;
  /// Describes the value for a message: 'text', a list, a mapping, nothing.
  std::string Describe() const;

  static Value Scalar(std::string text, bool quoted, core::Place place);
  static Value Mapping(core::Place place);
};

/// Holds one key of a mapping with its value.
struct Value::Entry {
  std::string key;
  core::Place place;  ///< of the key
  Value value;
  /// Which file (0, 1, ...) or the command line gave it; later ones win.
  int layer = 0;
};

/// Limits what aliases and interpolation may expand to, so that a small file
/// cannot fill the memory.
inline constexpr std::size_t kMostValues = 100'000;
inline constexpr std::size_t kDeepestCopy = 64;

/// Keeps the text that was read, for messages.
class Sources {
 public:
  /// Adds a text; an earlier one of that name stays.
  void Add(const std::string& name, const std::string& text);
  /// Fills the source lines of problems and sorts them by place: files in the
  /// order in which they were added, then line and column; what has no file
  /// in the table comes last. Drops repetitions.
  std::vector<core::Problem> Arrange(std::vector<core::Problem> problems) const;

 private:
  struct Source {
    std::size_t order = 0;
    std::vector<std::string> lines;
  };
  std::map<std::string, Source> sources_;
};

/// Says where something was given: "at line 3", "in 'x.yaml' at line 3", "on
/// the command line"; `here` is the place from which one looks.
std::string DescribePlace(const core::Place& place, const core::Place& here);
/// Joins a dotted path and a key.
std::string JoinPath(const std::string& path, std::string_view key);
/// Splits a.b.0.c; empty when a part is empty or holds a character that is no
/// letter, digit, underscore or hyphen.
std::vector<std::string> SplitPath(const std::string& path);
/// Returns the path for a message: "(top level)" for the root.
std::string ShownPath(const std::string& path);

}  // namespace fedtorch::config
