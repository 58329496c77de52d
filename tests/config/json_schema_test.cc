#include "tests/support/json_schema.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace fedtorch {
namespace {

bool IsValid(const std::string& schema, const std::string& text) {
  return JsonSchema(schema).Check(text).empty();
}

// Examples of "Understanding JSON Schema" and of the draft-07 test suite.
TEST(JsonSchema, ChecksTypes) {
  EXPECT_TRUE(IsValid(R"({"type": "integer"})", "1"));
  EXPECT_TRUE(IsValid(R"({"type": "integer"})", "1.0"));
  EXPECT_FALSE(IsValid(R"({"type": "integer"})", "1.1"));
  EXPECT_FALSE(IsValid(R"({"type": "integer"})", R"("1")"));
  EXPECT_TRUE(IsValid(R"({"type": "number"})", "1"));
  EXPECT_FALSE(IsValid(R"({"type": "number"})", "null"));
  EXPECT_FALSE(IsValid(R"({"type": "boolean"})", "0"));
  EXPECT_TRUE(IsValid(R"({"type": ["integer", "null"]})", "null"));
  EXPECT_FALSE(IsValid(R"({"type": ["integer", "null"]})", "false"));
  EXPECT_FALSE(IsValid(R"({"type": "object"})", "[]"));
}

TEST(JsonSchema, ChecksBounds) {
  EXPECT_TRUE(IsValid(R"({"minimum": 1.1})", "1.1"));
  EXPECT_FALSE(IsValid(R"({"minimum": 1.1})", "0.6"));
  EXPECT_TRUE(IsValid(R"({"minimum": 1.1})", R"("x")"));
  EXPECT_FALSE(IsValid(R"({"exclusiveMinimum": 1.1})", "1.1"));
  EXPECT_TRUE(IsValid(R"({"maximum": 3})", "3"));
  EXPECT_FALSE(IsValid(R"({"exclusiveMaximum": 3})", "3"));
  EXPECT_FALSE(IsValid(R"({"minLength": 2})", R"("f")"));
}

TEST(JsonSchema, ChecksObjectsAndArrays) {
  const std::string schema =
      R"({"properties": {"a": {"type": "integer"}}, "required": ["a"],
          "additionalProperties": false})";
  EXPECT_TRUE(IsValid(schema, R"({"a": 1})"));
  EXPECT_FALSE(IsValid(schema, R"({"a": "1"})"));
  EXPECT_FALSE(IsValid(schema, "{}"));
  EXPECT_FALSE(IsValid(schema, R"({"a": 1, "b": 2})"));
  EXPECT_TRUE(IsValid(schema, "3"));
  EXPECT_FALSE(IsValid(R"({"items": {"type": "integer"}})", R"([1, "x"])"));
  EXPECT_TRUE(IsValid(R"({"items": {"type": "integer"}})", "[]"));
}

TEST(JsonSchema, CombinesSchemas) {
  const std::string parts = R"([{"type": "integer"}, {"minimum": 2}])";
  EXPECT_TRUE(IsValid("{\"oneOf\": " + parts + "}", "1"));
  EXPECT_TRUE(IsValid("{\"oneOf\": " + parts + "}", "2.5"));
  EXPECT_FALSE(IsValid("{\"oneOf\": " + parts + "}", "3"));
  EXPECT_FALSE(IsValid("{\"oneOf\": " + parts + "}", "1.5"));
  EXPECT_TRUE(IsValid("{\"anyOf\": " + parts + "}", "3"));
  EXPECT_FALSE(IsValid("{\"anyOf\": " + parts + "}", "1.5"));
  EXPECT_FALSE(IsValid("{\"allOf\": " + parts + "}", "1"));
  EXPECT_FALSE(IsValid(R"({"not": {"type": "integer"}})", "1"));
  EXPECT_TRUE(IsValid(R"({"enum": [6, "foo"]})", R"("foo")"));
  EXPECT_FALSE(IsValid(R"({"const": "foo"})", R"("bar")"));
}

TEST(JsonSchema, RefusesWhatItDoesNotCheck) {
  for (const char* schema : {R"({"pattern": "x"})",
                             R"({"properties": {"a": {"format": "x"}}})",
                             R"({"oneOf": [{"if": {}}]})",
                             R"({"additionalProperties": {}})",
                             R"({"items": [{}]})",
                             R"({"not": 3})",
                             "{",
                             "[]"}) {
    EXPECT_THROW(JsonSchema{schema}, std::invalid_argument) << schema;
  }
  EXPECT_THROW(JsonSchema("{}").Check("{"), std::invalid_argument);
  EXPECT_NO_THROW(JsonSchema(R"({"title": "x", "default": {"pattern": 1}})"));
}

}  // namespace
}  // namespace fedtorch
