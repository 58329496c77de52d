#include "fedtorch/config/document.h"

#include "fedtorch/config/facts.h"
#include "fedtorch/config/interpolate.h"
#include "fedtorch/config/layers.h"
#include "fedtorch/config/overrides.h"
#include "fedtorch/config/resolve.h"
#include "fedtorch/config/schema.h"
#include "fedtorch/config/state.h"
#include "fedtorch/core/hash.h"

#include <utility>

namespace fedtorch::config {
namespace {

constexpr std::int64_t kSchemaVersion = 1;

void CheckSchemaVersion(DocumentState& state) {
  const Value::Entry* entry = state.root.Find("schema_version");
  if (entry == nullptr) return;
  const Value& value = entry->value;
  const auto number = value.type == Value::Type::kScalar && !value.quoted
                          ? ParseInteger(value.text)
                          : std::nullopt;
  if (number && *number == kSchemaVersion) return;
  state.Report(value.place,
               "schema_version",
               "expected 1, the version that this program reads, got " +
                   value.Describe());
}

// Runs `load`, and gives the problems that it throws their source lines.
template <class Load>
void LoadInto(DocumentState& state,
              const std::vector<std::string>& overrides,
              Load load) {
  try {
    LayerLoader loader(&state.sources, &state.problems);
    load(loader);
    state.root = std::move(loader.root());
    ApplyOverrides(overrides,
                   loader.layers(),
                   state.root,
                   &state.sources,
                   &state.problems);
  } catch (const core::ConfigError& error) {
    throw core::ConfigError(state.sources.Arrange(error.problems()));
  }
  Interpolate(state.root, &state.problems);
  CheckSchemaVersion(state);
  const core::Place place = state.root.place;
  state.OpenRoot(place);
}

}  // namespace

Document Document::FromFiles(const std::vector<std::filesystem::path>& files,
                             const std::vector<std::string>& overrides) {
  auto state = std::make_shared<DocumentState>();
  LoadInto(*state, overrides, [&](LayerLoader& loader) {
    for (const std::filesystem::path& file : files) loader.AddFile(file);
  });
  return Document(std::move(state));
}

Document Document::FromText(const std::string& text,
                            const std::string& name,
                            const std::vector<std::string>& overrides) {
  auto state = std::make_shared<DocumentState>();
  LoadInto(*state, overrides, [&](LayerLoader& loader) {
    loader.AddText(text, name);
  });
  return Document(std::move(state));
}

Document Document::Recorder() {
  auto state = std::make_shared<DocumentState>();
  state->recording = true;
  state->OpenRoot({});
  return Document(std::move(state));
}

Section Document::Root() { return state_->Root(); }

void Document::Finish() {
  std::vector<core::Problem> problems = Problems();
  if (!problems.empty()) throw core::ConfigError(std::move(problems));
}

std::vector<core::Problem> Document::Problems() { return state_->Problems(); }

const std::vector<std::string>& Document::notes() const {
  return state_->notes;
}

std::string Document::ResolvedYaml() const { return ResolvedYamlOf(*state_); }

std::string Document::ResolvedJson() const { return ResolvedJsonOf(*state_); }

std::string Document::Hash() const {
  return core::Sha256Hex(
      CompactJsonOf(*state_, {"runtime", "output", "checkpoint", "sweep"}));
}

std::vector<KeyFacts> Document::Facts() const {
  FEDTORCH_CHECK(state_->recording, "facts of a document that is no recorder");
  return FactsOf(*state_);
}

std::string Document::JsonSchema(const std::string& title) const {
  FEDTORCH_CHECK(state_->recording, "schema of a document that is no recorder");
  return JsonSchemaOf(*state_, title);
}

std::string Document::Markdown() const {
  FEDTORCH_CHECK(state_->recording, "tables of a document that is no recorder");
  return MarkdownOf(*state_);
}

}  // namespace fedtorch::config
