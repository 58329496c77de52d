#pragma once

#include "fedtorch/config/section.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::config {

/// Holds facts of one key as recorded from the code that reads it.
struct KeyFacts {
  std::string path;      ///< dotted; `layers[].units` inside a list
  std::string type;      ///< integer, number, boolean, text, choice, ...
  std::string range;     ///< e.g. ">= 1", "in (0, 1]", "" = any
  std::string fallback;  ///< as YAML; "required" where there is none
  std::string unit;
  std::string help;
  std::vector<std::string> choices;
  std::vector<std::string> aliases;
  std::string kind;  ///< of the part, `sequential/dense` of a part in it
};

/// Owns one config from its files to its canonical form.
///
/// Order: files in the order given, each preceded by its `defaults:` files
/// (later wins, key by key; looked for beside the file, then in the folders
/// `configs` beside and above it, then in that of the working directory),
/// then overrides `key.path=value` (value is YAML flow syntax), `+key=value`
/// (add), `~key` (delete), then interpolation `${path.to.key}` and
/// `${env:NAME,default}`; `$${` stands for `${`.
///
/// A mapping whose `name` differs from that of an earlier layer replaces it as
/// a whole, because the keys of one kind mean nothing to another.
///
/// The document itself reads the top-level keys `defaults` and
/// `schema_version` (1).
class Document {
 public:
  /// Reads files and overrides. Throws: ConfigError when a file is missing or
  /// is not YAML, or an override cannot be parsed.
  static Document FromFiles(const std::vector<std::filesystem::path>& files,
                            const std::vector<std::string>& overrides = {});
  /// Reads text, naming it `name` in places.
  static Document FromText(const std::string& text,
                           const std::string& name,
                           const std::vector<std::string>& overrides = {});
  /// Records which keys a reader asks for; see `Facts` and `JsonSchema`.
  static Document Recorder();

  Section Root();
  /// Reports every problem found so far and every key nobody asked for.
  /// Throws: ConfigError with all problems in the order of their places.
  void Finish();
  /// Returns what `Finish` would throw, without throwing.
  std::vector<core::Problem> Problems();
  /// Notes for the user, e.g. "comm_round is read as federation.rounds".
  const std::vector<std::string>& notes() const;

  /// Returns all keys with values, defaults included, in the order in which
  /// the code asked for them; reads back to the same text and hash.
  std::string ResolvedYaml() const;
  std::string ResolvedJson() const;
  /// SHA-256 (hex) of the resolved config without the top-level sections
  /// `runtime`, `output` and `checkpoint`, which must not change results, and
  /// `sweep`, which is no part of one experiment.
  std::string Hash() const;

  /// After recording: one entry a key, in reading order.
  std::vector<KeyFacts> Facts() const;
  /// After recording: a JSON Schema (draft-07) that accepts what the reader
  /// accepts, cross-field rules aside.
  std::string JsonSchema(const std::string& title) const;
  /// After recording: Markdown tables, one row a key, for the reference page.
  std::string Markdown() const;

 private:
  explicit Document(std::shared_ptr<DocumentState> state)
      : state_(std::move(state)) {}
  std::shared_ptr<DocumentState> state_;
};

/// Returns the candidate nearest to `word`, or "" when none is near: optimal
/// string alignment (a transposition costs 1) on lower case, at most
/// max(length, 3) / 3, ties in alphabetical order.
std::string Suggest(std::string_view word,
                    const std::vector<std::string>& candidates);

}  // namespace fedtorch::config
