#include "fedtorch/core/stream.h"
#include "tests/config/experiment_reader.h"
#include "tests/config/random_config.h"
#include "tests/config/reading.h"
#include "tests/support/json_schema.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

using Json = nlohmann::json;

Json SchemaOf(const Reader& read) {
  return Json::parse(Recorded(read).JsonSchema("test"));
}

std::string ExperimentSchema() {
  return Recorded([](Section& root) { ReadExperiment(root); })
      .JsonSchema("fedtorch");
}

// Reads a config; returns its problems apart from those of rules between
// keys, which a schema cannot know.
std::string ReaderSays(const std::string& yaml) {
  std::string text;
  const auto problems =
      ProblemsIn(yaml, [](Section& root) { ReadExperiment(root); });
  for (const std::string& problem : problems) {
    if (problem.find("expected exactly one of") == std::string::npos) {
      text += problem + "\n";
    }
  }
  return text;
}

TEST(JsonSchema, DescribesEachTypeOfKey) {
  const Json schema = SchemaOf([](Section& root) {
    root.Int({.name = "int", .help = "A count.", .unit = "samples"},
             3,
             {.min = 1, .max = 9});
    root.Real(
        {.name = "real"}, std::nullopt, {.min = 0, .max = 1, .open_min = true});
    root.Bool({.name = "bool"}, true);
    root.Text({.name = "text"}, "x");
    root.Choice({.name = "choice"}, {"a", "b"}, "b");
    root.OptionalInt({.name = "maybe"}, {.min = 2});
    root.AutoInt({.name = "auto"}, {.max = 5});
    root.Reals({.name = "reals"}, std::vector<double>{0.5}, {.max = 2});
  });
  const Json expected = Json::parse(R"json({
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "test",
    "type": "object",
    "required": ["real"],
    "additionalProperties": false,
    "properties": {
      "int": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3,
              "description": "A count. Unit: samples."},
      "real": {"type": "number", "exclusiveMinimum": 0.0, "maximum": 1.0},
      "bool": {"type": "boolean", "default": true},
      "text": {"type": "string", "default": "x"},
      "choice": {"enum": ["a", "b"], "default": "b"},
      "maybe": {"type": ["integer", "null"], "minimum": 2, "default": null},
      "auto": {"anyOf": [{"const": "auto"},
                         {"type": "integer", "maximum": 5}],
               "default": "auto"},
      "reals": {"type": "array", "items": {"type": "number", "maximum": 2.0},
                "default": [0.5]}
    }
  })json");
  for (const auto& [key, value] : expected["properties"].items()) {
    EXPECT_EQ(schema["properties"][key], value) << key;
  }
  for (const char* key :
       {"$schema", "title", "type", "required", "additionalProperties"}) {
    EXPECT_EQ(schema[key], expected[key]) << key;
  }
}

TEST(JsonSchema, AcceptsOneOfSeveralNames) {
  const fedtorch::JsonSchema schema(
      Recorded([](Section& root) {
        root.Int({.name = "a", .aliases = {"b", "c"}}, 1);
        root.Int({.name = "d", .aliases = {"e"}}, std::nullopt);
      }).JsonSchema("test"));
  EXPECT_EQ(schema.Check(R"({"d": 1})"), "");
  EXPECT_EQ(schema.Check(R"({"e": 1, "c": 2})"), "");
  EXPECT_NE(schema.Check(R"({"c": 2})"), "");
  EXPECT_NE(schema.Check(R"({"d": 1, "e": 1})"), "");
  EXPECT_NE(schema.Check(R"({"d": 1, "b": 1, "c": 1})"), "");
}

TEST(JsonSchema, AcceptsTheWordForAKindThatNeedsNoKeys) {
  const fedtorch::JsonSchema schema(
      Recorded([](Section& root) {
        const std::vector<KindFacts> kinds = {
            {"mean", "", "", [](Section& s) { s.Int({.name = "k"}, 1); }},
            {"krum", "", "", [](Section& s) {
               s.Int({.name = "f"}, std::nullopt);
             }}};
        root.ChooseKind({.name = "rule"}, kinds, "mean");
        root.ChooseKind({.name = "must"}, kinds, std::nullopt);
      }).JsonSchema("test"));
  const auto check = [&](const std::string& rule, const std::string& must) {
    return schema.Check("{\"rule\": " + rule + ", \"must\": " + must + "}");
  };
  EXPECT_EQ(check(R"("mean")", R"({"name": "krum", "f": 2})"), "");
  EXPECT_EQ(check(R"({"k": 3})", R"("mean")"), "");
  EXPECT_NE(check(R"("mean")", R"({"k": 3})"), "");
  EXPECT_NE(check(R"("mean")", R"("krum")"), "");
  EXPECT_NE(check(R"("mean")", R"({"name": "krum"})"), "");
  EXPECT_NE(check(R"({"f": 3})", R"("mean")"), "");
  EXPECT_NE(check("null", R"("mean")"), "");
  EXPECT_EQ(schema.Check(R"({"must": "mean"})"), "");
  EXPECT_NE(schema.Check(R"({"rule": "mean"})"), "");
}

// The reader and the schema are made of the same facts by different code; the
// validator knows nothing of either.
TEST(JsonSchema, AcceptsARandomConfigIfAndOnlyIfTheReaderDoes) {
  const std::string text = ExperimentSchema();
  const fedtorch::JsonSchema schema(text);
  const RandomConfigs configs(text);
  core::Stream stream = core::Stream::Named(7, "test/random_config");
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const double mistakes = i % 2 == 0 ? 0.0 : 0.02;
    const RandomConfig config = configs.Draw(mistakes, stream);
    const std::string schema_says = schema.Check(config.json);
    const std::string reader_says = ReaderSays(config.yaml);
    ASSERT_EQ(schema_says.empty(), reader_says.empty())
        << config.yaml << "\nschema: " << schema_says
        << "\nreader: " << reader_says;
    ++(schema_says.empty() ? accepted : refused);
  }
  EXPECT_GT(accepted, 600);
  EXPECT_GT(refused, 600);
}

}  // namespace
}  // namespace fedtorch::config
