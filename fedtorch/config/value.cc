#include "fedtorch/config/value.h"

#include "fedtorch/config/scalar.h"

#include <algorithm>
#include <cctype>
#include <tuple>
#include <utility>

namespace fedtorch::config {
namespace {

// A caret under a tab or a control character would stand in the wrong column.
std::string Printable(std::string line) {
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

bool IsKeyCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

}  // namespace

const Value::Entry* Value::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

Value::Entry* Value::Find(std::string_view key) {
  return const_cast<Entry*>(std::as_const(*this).Find(key));
}

Value* Value::Step(const std::string& step) {
  if (type != Type::kList) {
    Entry* entry = Find(step);
    return entry == nullptr ? nullptr : &entry->value;
  }
  const auto index = ParseInteger(step);
  if (!index || *index < 0) return nullptr;
  const auto at = static_cast<std::size_t>(*index);
  return at < items.size() ? &items[at] : nullptr;
}

bool Value::HasBroken() const {
  return broken ||
         std::any_of(items.begin(),
                     items.end(),
                     [](const Value& item) { return item.HasBroken(); }) ||
         std::any_of(entries.begin(), entries.end(), [](const Entry& entry) {
           return entry.value.HasBroken();
         });
}

std::size_t Value::Count() const {
  std::size_t count = 1;
  for (const Value& item : items) count += item.Count();
  for (const Entry& entry : entries) count += entry.value.Count();
  return count;
}

std::size_t Value::Depth() const {
  std::size_t deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.Depth());
  for (const Entry& entry : entries) {
    deepest = std::max(deepest, entry.value.Depth());
  }
  return deepest + 1;
}

std::string Value::Describe() const {
  switch (type) {
    case Type::kNull:
      return "nothing (null)";
    case Type::kList:
      return "a list";
    case Type::kMapping:
      return "a mapping";
    case Type::kScalar:
      break;
  }
  return quoted ? "the text \"" + text + "\"" : "'" + text + "'";
}

Value Value::Scalar(std::string text, bool quoted, core::Place place) {
  Value value;
  value.type = Type::kScalar;
  value.text = std::move(text);
  value.quoted = quoted;
  value.place = std::move(place);
  return value;
}

Value Value::Mapping(core::Place place) {
  Value value;
  value.type = Type::kMapping;
  value.place = std::move(place);
  return value;
}

void Sources::Add(const std::string& name, const std::string& text) {
  if (sources_.contains(name)) return;
  Source source;
  source.order = sources_.size();
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      source.lines.push_back(Printable(std::move(line)));
      line.clear();
    } else {
      line += c;
    }
  }
  source.lines.push_back(Printable(std::move(line)));
  sources_.emplace(name, std::move(source));
}

std::vector<core::Problem> Sources::Arrange(
    std::vector<core::Problem> problems) const {
  for (core::Problem& problem : problems) {
    const auto found = sources_.find(problem.place.file);
    const int line = problem.place.line;
    if (found != sources_.end() && line > 0 &&
        static_cast<std::size_t>(line) <= found->second.lines.size()) {
      problem.source_line =
          found->second.lines[static_cast<std::size_t>(line - 1)];
    }
  }
  const auto rank = [this](const core::Problem& problem) {
    const auto found = sources_.find(problem.place.file);
    const std::size_t order =
        found == sources_.end() ? sources_.size() : found->second.order;
    return std::make_tuple(order, problem.place.line, problem.place.column);
  };
  std::stable_sort(problems.begin(),
                   problems.end(),
                   [&](const core::Problem& a, const core::Problem& b) {
                     return rank(a) < rank(b);
                   });
  std::vector<core::Problem> kept;
  for (core::Problem& problem : problems) {
    bool repeated = false;  // those of one place are neighbours now
    for (auto other = kept.rbegin();
         other != kept.rend() && other->place == problem.place && !repeated;
         ++other) {
      repeated =
          other->path == problem.path && other->message == problem.message;
    }
    if (!repeated) kept.push_back(std::move(problem));
  }
  return kept;
}

std::string DescribePlace(const core::Place& place, const core::Place& here) {
  if (place.line == 0) return "on the " + place.file;
  const std::string line = "at line " + std::to_string(place.line);
  return place.file == here.file ? line : "in '" + place.file + "' " + line;
}

std::string JoinPath(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

std::vector<std::string> SplitPath(const std::string& path) {
  std::vector<std::string> steps = {""};
  for (const char c : path) {
    if (c == '.') {
      steps.emplace_back();
    } else if (IsKeyCharacter(c)) {
      steps.back() += c;
    } else {
      return {};
    }
  }
  const bool has_gap =
      std::any_of(steps.begin(), steps.end(), [](const std::string& step) {
        return step.empty();
      });
  if (has_gap) return {};
  return steps;
}

std::string ShownPath(const std::string& path) {
  return path.empty() ? "(top level)" : path;
}

}  // namespace fedtorch::config
