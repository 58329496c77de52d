#include "fedtorch/config/state.h"

#include "fedtorch/config/convert.h"
#include "fedtorch/config/flow.h"
#include "fedtorch/config/suggest.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace fedtorch::config {
namespace {

const AskedKey* FindKey(const std::vector<AskedKey>& keys,
                        std::string_view name) {
  for (const AskedKey& key : keys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

bool HasName(const AskedKey& key, std::string_view name) {
  return key.name == name ||
         std::find(key.aliases.begin(), key.aliases.end(), name) !=
             key.aliases.end();
}

}  // namespace

AskedKey::AskedKey(const Key& key, KeyType key_type)
    : name(key.name),
      aliases(key.aliases.begin(), key.aliases.end()),
      help(key.help),
      unit(key.unit),
      type(key_type) {}

void DocumentState::OpenRoot(const core::Place& place) {
  sections_.clear();
  const int index = Open(-1, "", &root, place);
  section(index).given = true;
}

int DocumentState::Open(int parent,
                        std::string path,
                        const Value* value,
                        const core::Place& place) {
  OpenedSection opened;
  opened.path = std::move(path);
  opened.parent = parent;
  opened.place = place;
  opened.given = value != nullptr;
  opened.muted = value != nullptr && value->broken;
  if (value != nullptr && value->type == Value::Type::kMapping) {
    opened.value = value;
  } else if (value != nullptr && value->type != Value::Type::kNull) {
    opened.short_form = value;
  }
  sections_.push_back(std::move(opened));
  return static_cast<int>(sections_.size()) - 1;
}

bool DocumentState::IsMuted(int index) const {
  for (; index >= 0; index = section(index).parent) {
    if (section(index).muted) return true;
  }
  return false;
}

AskedKey& DocumentState::Register(int index, AskedKey key) {
  OpenedSection& opened = section(index);
  std::vector<AskedKey>* keys = &opened.keys;
  const auto find = [&](std::vector<AskedKey>& list) {
    return const_cast<AskedKey*>(FindKey(list, key.name));
  };
  if (AskedKey* known = find(opened.keys)) return *known;
  const int variant = opened.active_variant >= 0 ? opened.active_variant
                                                 : opened.chosen_variant;
  if (variant >= 0) {
    std::vector<AskedKey>& own =
        opened.variants[static_cast<std::size_t>(variant)].keys;
    if (AskedKey* known = find(own)) return *known;
    if (opened.active_variant >= 0) keys = &own;
  }
  if (recording) {
    for (const AskedKey& other : *keys) {
      bool clashes = HasName(other, key.name);
      for (const std::string& alias : key.aliases) {
        clashes = clashes || HasName(other, alias);
      }
      FEDTORCH_CHECK(!clashes,
                     "the keys '" + other.name + "' and '" + key.name +
                         "' of '" + opened.path + "' share a name");
    }
  }
  keys->push_back(std::move(key));
  return keys->back();
}

const Value::Entry* DocumentState::FindGiven(int index, const AskedKey& key) {
  const OpenedSection& opened = section(index);
  if (opened.value == nullptr || IsMuted(index)) return nullptr;
  const Value::Entry* chosen = nullptr;
  for (const Value::Entry& entry : opened.value->entries) {
    if (!HasName(key, entry.key)) continue;
    if (chosen == nullptr || entry.layer > chosen->layer) {
      chosen = &entry;
    } else if (entry.layer == chosen->layer) {
      Report(entry.place,
             JoinPath(opened.path, key.name),
             "'" + entry.key + "' and '" + chosen->key +
                 "' are two names of one key, and '" + chosen->key +
                 "' is given " + DescribePlace(chosen->place, entry.place) +
                 "; keep '" + key.name + "'");
    }
  }
  if (chosen != nullptr && chosen->key != key.name) {
    const std::string note =
        chosen->key + " is read as " + JoinPath(opened.path, key.name);
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) {
      notes.push_back(note);
    }
  }
  return chosen;
}

std::vector<Scalar> DocumentState::Read(int index, AskedKey key) {
  const std::string path = JoinPath(section(index).path, key.name);
  std::vector<Scalar> result = FallbackOrNeutral(key);
  if (recording) {
    Register(index, std::move(key)).value = result;
    return result;
  }
  const Value::Entry* given = FindGiven(index, key);
  if (given != nullptr) {
    if (auto read = Convert(path, key, given->value)) {
      result = *read;
    } else {
      misread_.insert(path);
    }
  } else if (!IsMuted(index) && !key.fallback) {
    ReportMissing(index, key.name, DescribeExpected(key));
  } else if (!IsMuted(index) && !AcceptsFallback(key)) {
    Report(section(index).place,
           path,
           "expected " + DescribeExpected(key) + ", and the default " +
               ToYaml(result.front()) + " is not; set this key");
  }
  AskedKey& known = Register(index, std::move(key));
  if (known.value.empty()) known.value = result;
  return result;
}

std::optional<std::vector<Scalar>> DocumentState::Convert(
    const std::string& path, const AskedKey& key, const Value& value) {
  if (value.broken) return std::nullopt;
  std::string error;
  if (!key.is_list) {
    const auto scalar = ConvertScalar(key, value, &error);
    if (scalar) return std::vector<Scalar>{*scalar};
    Report(value.place, path, error);
    return std::nullopt;
  }
  if (value.type != Value::Type::kList) {
    std::string message =
        "expected " + DescribeExpected(key) + ", got " + value.Describe();
    if (value.type == Value::Type::kScalar) {
      message += "; write [" + value.text + "]";
    }
    Report(value.place, path, message);
    return std::nullopt;
  }
  std::vector<Scalar> scalars;
  bool complete = true;
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    if (value.items[i].broken) {
      complete = false;
      continue;
    }
    const auto scalar = ConvertScalar(key, value.items[i], &error);
    if (scalar) {
      scalars.push_back(*scalar);
    } else {
      complete = false;
      Report(value.items[i].place, JoinPath(path, std::to_string(i)), error);
    }
  }
  if (!complete) return std::nullopt;
  return scalars;
}

int DocumentState::OpenChild(int index, const Key& key, bool is_kind) {
  AskedKey& asked = Register(index, AskedKey(key, KeyType::kSection));
  if (!asked.sections.empty()) return asked.sections.front();
  const std::string path = JoinPath(section(index).path, asked.name);
  const Value::Entry* given = FindGiven(index, asked);
  const int child =
      Open(index,
           path,
           given == nullptr ? nullptr : &given->value,
           given == nullptr ? section(index).place : given->place);
  asked.sections = {child};
  OpenedSection& opened = section(child);
  opened.allows_short_form = is_kind;
  if (opened.short_form != nullptr && !is_kind && !IsMuted(child)) {
    Report(opened.short_form->place,
           path,
           "expected a mapping of keys, got " + opened.short_form->Describe());
    opened.muted = true;
  }
  return child;
}

int DocumentState::OpenOptionalChild(int index, const Key& key) {
  AskedKey& asked = Register(index, AskedKey(key, KeyType::kSection));
  asked.optional = true;
  const Value::Entry* given = recording ? nullptr : FindGiven(index, asked);
  if (!recording &&
      (given == nullptr || given->value.type == Value::Type::kNull)) {
    asked.left_out = true;
    return -1;
  }
  return OpenChild(index, key, false);
}

std::vector<FlowList> DocumentState::ReadFlowLists(int index, const Key& key) {
  AskedKey& asked = Register(index, AskedKey(key, KeyType::kFlowLists));
  const std::string path = JoinPath(section(index).path, asked.name);
  const Value::Entry* given = recording ? nullptr : FindGiven(index, asked);
  if (given == nullptr || given->value.broken ||
      given->value.type == Value::Type::kNull) {
    return {};
  }
  if (given->value.type != Value::Type::kMapping) {
    Report(given->value.place,
           path,
           "expected a mapping of keys to lists of values, got " +
               given->value.Describe());
    return {};
  }
  asked.free_value = &given->value;
  std::vector<FlowList> lists;
  for (const Value::Entry& entry : given->value.entries) {
    FlowList list{entry.key, entry.place, {}};
    const std::string where = JoinPath(path, entry.key);
    if (entry.value.type != Value::Type::kList) {
      Report(entry.value.place,
             where,
             "expected a list of values, got " + entry.value.Describe() +
                 "; write [" + ToFlowYaml(entry.value) + "]");
    } else if (entry.value.items.empty()) {
      Report(entry.place, where, "expected at least one value, got none");
    }
    for (const Value& item : entry.value.items) {
      if (item.HasBroken()) continue;
      const auto shown = sources.Arrange({{item.place, "", "", ""}});
      list.values.push_back(
          {ToFlowYaml(item), item.place, shown.front().source_line});
    }
    lists.push_back(std::move(list));
  }
  return lists;
}

std::vector<int> DocumentState::OpenChildren(int index, const Key& key) {
  AskedKey& asked = Register(index, AskedKey(key, KeyType::kSectionList));
  if (!asked.sections.empty()) return asked.sections;
  const std::string path = JoinPath(section(index).path, asked.name);
  if (recording) {
    asked.sections = {Open(index, path + "[]", nullptr, {})};
    section(asked.sections.front()).allows_short_form = true;
    return asked.sections;
  }
  const Value::Entry* given = FindGiven(index, asked);
  if (given == nullptr || given->value.type == Value::Type::kNull) return {};
  const Value& list = given->value;
  if (list.broken) return {};
  if (list.type != Value::Type::kList) {
    Report(list.place,
           path,
           "expected a list of mappings, got " + list.Describe());
    return {};
  }
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    asked.sections.push_back(Open(index,
                                  JoinPath(path, std::to_string(i)),
                                  &list.items[i],
                                  list.items[i].place));
  }
  return asked.sections;
}

bool DocumentState::Has(int index, std::string_view name) const {
  const OpenedSection& opened = section(index);
  if (opened.value == nullptr || IsMuted(index)) return false;
  const AskedKey* key = FindKey(opened.keys, name);
  for (const Value::Entry& entry : opened.value->entries) {
    const bool matches =
        key != nullptr ? HasName(*key, entry.key) : entry.key == name;
    if (matches && entry.value.type != Value::Type::kNull) return true;
  }
  return false;
}

void DocumentState::Report(core::Place place,
                           std::string path,
                           std::string message) {
  problems.push_back(
      {std::move(place), std::move(path), std::move(message), ""});
}

void DocumentState::ReportMissing(int index,
                                  std::string_view name,
                                  const std::string& expected) {
  const OpenedSection& opened = section(index);
  std::string message = "required key is missing; expected " + expected;
  if (opened.short_form != nullptr) {
    message += "; write {name: " + opened.short_form->text + ", " +
               std::string(name) + ": ...}";
  } else if (opened.given && opened.parent >= 0) {
    message += ", in the section that begins here";
  }
  misread_.insert(JoinPath(opened.path, name));
  Report(opened.place, JoinPath(opened.path, name), message);
}

void DocumentState::Fail(int index,
                         std::string_view name,
                         const std::string& message) {
  const OpenedSection& opened = section(index);
  if (recording || IsMuted(index)) return;
  const std::string path = JoinPath(opened.path, name);
  if (misread_.contains(path)) return;
  core::Place place = opened.place;
  if (opened.value != nullptr) {
    const AskedKey* key = FindKey(opened.keys, name);
    const Value::Entry* best = nullptr;
    for (const Value::Entry& entry : opened.value->entries) {
      const bool matches =
          key != nullptr ? HasName(*key, entry.key) : entry.key == name;
      if (matches && (best == nullptr || entry.layer > best->layer)) {
        best = &entry;
      }
    }
    if (best != nullptr && best->value.broken) return;
    if (best != nullptr) place = best->value.place;
  }
  Report(place, path, message);
}

std::vector<core::Problem> DocumentState::Problems() const {
  std::vector<core::Problem> found = problems;
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    if (IsMuted(static_cast<int>(i))) continue;
    const OpenedSection& opened = sections_[i];
    if (opened.short_form != nullptr && !opened.has_kind) {
      found.push_back(
          {opened.short_form->place,
           opened.path,
           "expected a mapping of keys, got " + opened.short_form->Describe(),
           ""});
    }
    ReportUnknownKeys(static_cast<int>(i), &found);
  }
  return sources.Arrange(std::move(found));
}

void DocumentState::ReportUnknownKeys(int index,
                                      std::vector<core::Problem>* found) const {
  const OpenedSection& opened = section(index);
  if (opened.value == nullptr) return;
  for (const Value::Entry& entry : opened.value->entries) {
    if (opened.parent < 0 &&
        (entry.key == "defaults" || entry.key == "schema_version")) {
      continue;
    }
    const bool known = std::any_of(
        opened.keys.begin(), opened.keys.end(), [&](const AskedKey& key) {
          return HasName(key, entry.key);
        });
    if (known) continue;
    found->push_back({entry.place,
                      ShownPath(opened.path),
                      "unknown key '" + entry.key + "'" +
                          AdviseOnUnknownKey(index, entry.key),
                      ""});
  }
}

std::string DocumentState::AdviseOnUnknownKey(int index,
                                              const std::string& key) const {
  const OpenedSection& opened = section(index);
  if (key.find('.') != std::string::npos) {
    return "; dotted paths are for the command line, nest the keys here";
  }
  // A foreign name leads to the name that we use.
  struct Candidate {
    std::string name;
    std::size_t distance = 0;
    const OpenedSection* owner = nullptr;
  };
  const auto nearest = [&](const OpenedSection& owner, Candidate* best) {
    const auto consider = [&](const std::string& word,
                              const std::string& name) {
      const std::size_t distance = EditDistance(key, word);
      if (distance > SuggestionLimit(key)) return;
      if (best->owner != nullptr &&
          std::tie(best->distance, best->name) <= std::tie(distance, name)) {
        return;
      }
      *best = {name, distance, &owner};
    };
    for (const AskedKey& asked : owner.keys) {
      consider(asked.name, asked.name);
      for (const std::string& alias : asked.aliases) {
        consider(alias, asked.name);
      }
    }
    if (owner.parent < 0) {
      consider("defaults", "defaults");
      consider("schema_version", "schema_version");
    }
  };
  Candidate own;
  nearest(opened, &own);
  Candidate other;
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    const OpenedSection& related = sections_[i];
    const bool is_sibling = related.parent == opened.parent;
    const bool is_child = related.parent == index;
    const bool is_parent = opened.parent == static_cast<int>(i);
    if (&related != &opened && !IsMuted(static_cast<int>(i)) &&
        (is_sibling || is_child || is_parent)) {
      nearest(related, &other);
    }
  }
  if (own.owner != nullptr &&
      (other.owner == nullptr || own.distance <= other.distance)) {
    return "; did you mean '" + own.name + "'?";
  }
  if (other.owner != nullptr) {
    const std::string where = other.owner->parent < 0
                                  ? "at the top level"
                                  : "under '" + other.owner->path + "'";
    return "; did you mean '" + other.name + "' (belongs " + where + ")?";
  }
  std::string known;
  for (const AskedKey& asked : opened.keys) {
    known += (known.empty() ? "" : ", ") + asked.name;
  }
  if (known.empty()) return "; this section has no keys";
  return "; known keys: " + known;
}

}  // namespace fedtorch::config
