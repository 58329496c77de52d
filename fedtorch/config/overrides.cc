#include "fedtorch/config/overrides.h"

#include "fedtorch/config/layers.h"
#include "fedtorch/config/parse.h"
#include "fedtorch/config/scalar.h"

#include <utility>

namespace fedtorch::config {
namespace {

struct Override {
  enum class Action { kSet, kAdd, kDelete };
  Action action = Action::kSet;
  std::string path;
  std::vector<std::string> steps;
  core::Place place;
  Value value;
};

core::Place PlaceOf(const std::string& text, std::size_t number) {
  const std::string name = "command line, override #" + std::to_string(number);
  const bool printable = FindInvalidUtf8(text) == std::string::npos;
  return {printable ? name + ": " + text : name, 0, 0};
}

Override ParseOverride(const std::string& text,
                       const core::Place& place,
                       std::vector<core::Problem>* problems) {
  Override result;
  result.place = place;
  const auto fail = [&](const std::string& message) {
    throw core::ConfigError({core::Problem{result.place, "", message, ""}});
  };
  std::string rest = text;
  if (rest.starts_with('+')) result.action = Override::Action::kAdd;
  if (rest.starts_with('~')) result.action = Override::Action::kDelete;
  if (result.action != Override::Action::kSet) rest.erase(0, 1);
  const std::size_t equals = rest.find('=');
  result.path = rest.substr(0, equals);
  result.steps = SplitPath(result.path);
  if (FindInvalidUtf8(text) != std::string::npos) fail("expected UTF-8 text");
  if (result.action == Override::Action::kDelete) {
    if (equals != std::string::npos) {
      fail("'~' deletes a key and takes no value; write ~" + result.path);
    }
  } else if (equals == std::string::npos) {
    fail("expected key.path=value, got '" + text + "'");
  }
  if (result.steps.empty()) {
    fail("expected a path such as client.optimizer.lr before '=', got '" +
         result.path + "'");
  }
  if (result.steps.front() == "defaults") {
    fail(
        "'defaults' can be given in a file only; name the files on the "
        "command line instead");
  }
  if (result.action == Override::Action::kDelete) return result;
  const std::string value = rest.substr(equals + 1);
  if (value.empty()) {
    fail("no value after '='; write null for none and '' for empty text");
  }
  // The braces of a reference would be taken for a mapping.
  const bool is_reference = value.find("${") != std::string::npos &&
                            value.find_first_of("[{'\"") != 0;
  result.value = is_reference ? Value::Scalar(value, false, result.place)
                              : ParseFlowValue(value, result.place, problems);
  return result;
}

// Returns the value at the first steps of a path, or nullptr.
Value* Descend(Value& root,
               const std::vector<std::string>& steps,
               std::size_t count) {
  Value* value = &root;
  for (std::size_t i = 0; i < count && value != nullptr; ++i) {
    value = value->Step(steps[i]);
  }
  return value;
}

void Delete(const Override& change,
            Value& root,
            std::vector<core::Problem>* problems) {
  Value* parent = Descend(root, change.steps, change.steps.size() - 1);
  if (parent == nullptr ||
      Descend(root, change.steps, change.steps.size()) == nullptr) {
    problems->push_back({change.place,
                         change.path,
                         "nothing to delete: the key is not given",
                         ""});
    return;
  }
  const std::string& last = change.steps.back();
  if (parent->type == Value::Type::kList) {
    parent->items.erase(parent->items.begin() + *ParseInteger(last));
  } else {
    std::erase_if(parent->entries,
                  [&](const Value::Entry& entry) { return entry.key == last; });
  }
}

// Puts a value at a path by wrapping it in mappings down from the last list.
void Set(Override change,
         int layer,
         Value& root,
         std::vector<core::Problem>* problems) {
  const std::vector<std::string>& steps = change.steps;
  Value* target = &root;
  std::size_t first = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Value* list = Descend(root, steps, i);
    if (list == nullptr || list->type != Value::Type::kList) continue;
    const auto index = ParseInteger(steps[i]);
    const std::size_t size = list->items.size();
    const bool appends = change.action == Override::Action::kAdd &&
                         i + 1 == steps.size() && index &&
                         *index == static_cast<std::int64_t>(size);
    if (appends) list->items.emplace_back();
    if (!index || *index < 0 ||
        static_cast<std::size_t>(*index) >= list->items.size()) {
      problems->push_back({change.place,
                           change.path,
                           "expected an index into a list of " +
                               std::to_string(size) +
                               (size == 1 ? " entry" : " entries") +
                               ", counted from 0, got '" + steps[i] + "'",
                           ""});
      return;
    }
    target = &list->items[static_cast<std::size_t>(*index)];
    first = i + 1;
  }
  Value value = std::move(change.value);
  for (std::size_t i = steps.size(); i > first; --i) {
    Value mapping = Value::Mapping(change.place);
    mapping.entries.push_back(
        {steps[i - 1], change.place, std::move(value), layer});
    value = std::move(mapping);
  }
  SetLayer(value, layer);
  MergeOver(*target, std::move(value), layer, target == &root);
}

}  // namespace

void ApplyOverrides(const std::vector<std::string>& overrides,
                    int layer,
                    Value& root,
                    Sources* sources,
                    std::vector<core::Problem>* problems) {
  std::vector<Override> changes;
  std::vector<core::Problem> malformed;
  for (std::size_t i = 0; i < overrides.size(); ++i) {
    const core::Place place = PlaceOf(overrides[i], i + 1);
    sources->Add(place.file, "");
    try {
      changes.push_back(ParseOverride(overrides[i], place, problems));
    } catch (const core::ConfigError& error) {
      malformed.insert(
          malformed.end(), error.problems().begin(), error.problems().end());
    }
  }
  if (!malformed.empty()) throw core::ConfigError(std::move(malformed));
  for (Override& change : changes) {
    if (change.action == Override::Action::kDelete) {
      Delete(change, root, problems);
      continue;
    }
    if (change.action == Override::Action::kAdd &&
        Descend(root, change.steps, change.steps.size()) != nullptr) {
      problems->push_back({change.place,
                           change.path,
                           "the key is given already; leave out the '+' to "
                           "change it",
                           ""});
      continue;
    }
    Set(std::move(change), layer, root, problems);
  }
}

}  // namespace fedtorch::config
