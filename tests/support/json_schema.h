#pragma once

#include <memory>
#include <string>

namespace fedtorch {

/// Checks JSON texts against a JSON Schema (draft-07), as far as our schemas
/// go: the keywords $schema, title, description and default (which check
/// nothing), type, const, enum, properties, required, additionalProperties
/// (false), items (one schema), minimum, maximum, exclusiveMinimum,
/// exclusiveMaximum, minLength, allOf, anyOf, oneOf, not.
class JsonSchema {
 public:
  /// Throws: std::invalid_argument when the schema is not JSON, or holds a
  /// keyword that is not in the list above, at any depth.
  explicit JsonSchema(const std::string& schema);
  ~JsonSchema();

  /// Returns "" when the text is valid, else the first rule that it breaks.
  /// Throws: std::invalid_argument when the text is not JSON.
  std::string Check(const std::string& text) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace fedtorch
