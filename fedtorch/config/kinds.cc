#include "fedtorch/config/convert.h"
#include "fedtorch/config/state.h"

#include <utility>

namespace fedtorch::config {
namespace {

std::vector<std::string> Names(const std::vector<KindFacts>& kinds) {
  std::vector<std::string> names;
  for (const KindFacts& kind : kinds) names.emplace_back(kind.name);
  return names;
}

AskedKey NameKey(const std::vector<KindFacts>& kinds,
                 std::optional<std::string_view> fallback) {
  AskedKey key({.name = "name", .help = "Which one it is."}, KeyType::kChoice);
  key.choices = Names(kinds);
  if (fallback) key.fallback = {std::string(*fallback)};
  return key;
}

}  // namespace

std::optional<std::size_t> DocumentState::FindKind(
    int index,
    const std::vector<KindFacts>& kinds,
    const std::string& path,
    const Value& name) {
  if (name.broken) {
    section(index).muted = true;
    return std::nullopt;
  }
  std::string error;
  const auto text = ConvertScalar(NameKey(kinds, std::nullopt), name, &error);
  if (!text) {
    Report(name.place, path, error);
    section(index).muted = true;
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i].name == std::get<std::string>(*text)) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> DocumentState::ChooseKind(
    int index,
    const std::vector<KindFacts>& kinds,
    std::optional<std::string_view> fallback) {
  if (recording) return RecordKinds(index, kinds, fallback);
  OpenedSection& opened = section(index);
  if (IsMuted(index)) return std::nullopt;
  opened.has_kind = true;
  AskedKey name_key = NameKey(kinds, fallback);
  std::optional<std::size_t> chosen;
  const Value::Entry* entry = FindGiven(index, name_key);
  const bool is_null =
      opened.given && opened.value == nullptr && opened.short_form == nullptr;
  if (opened.short_form != nullptr || is_null) {
    Value nothing;
    nothing.place = opened.place;
    const Value& name = is_null ? nothing : *opened.short_form;
    chosen = FindKind(index, kinds, opened.path, name);
  } else if (entry != nullptr) {
    chosen =
        FindKind(index, kinds, JoinPath(opened.path, "name"), entry->value);
  } else if (fallback) {
    Value name = Value::Scalar(std::string(*fallback), true, opened.place);
    chosen = FindKind(index, kinds, opened.path, name);
  } else {
    if (opened.given) {
      ReportMissing(index, "name", DescribeExpected(name_key));
    } else {
      Report(opened.place,
             opened.path,
             "required key is missing; expected " + DescribeExpected(name_key));
    }
    opened.muted = true;
  }
  name_key.value = FallbackOrNeutral(name_key);
  if (chosen) name_key.value = {std::string(kinds[*chosen].name)};
  bool known = false;
  for (const AskedKey& key : opened.keys) known = known || key.name == "name";
  if (!known) opened.keys.insert(opened.keys.begin(), std::move(name_key));
  return chosen;
}

std::optional<std::size_t> DocumentState::RecordKinds(
    int index,
    const std::vector<KindFacts>& kinds,
    std::optional<std::string_view> fallback) {
  OpenedSection& opened = section(index);
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (fallback && kinds[i].name == *fallback) chosen = i;
  }
  if (opened.has_kind) return chosen;
  // A part may hold a part of its own sort, which may hold another; the third
  // one inside the other is not recorded.
  int depth = 0;
  for (int outer = opened.parent; outer >= 0; outer = section(outer).parent) {
    const OpenedSection& around = section(outer);
    if (around.active_variant < 0 || around.variants.size() != kinds.size()) {
      continue;
    }
    bool same = true;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      same = same && around.variants[i].name == kinds[i].name;
    }
    if (same) ++depth;
  }
  opened.has_kind = true;
  if (depth >= 2) {
    opened.open_ended = true;
    return std::nullopt;
  }
  if (fallback) opened.kind_fallback = std::string(*fallback);
  for (const KindFacts& kind : kinds) {
    opened.variants.push_back({std::string(kind.name),
                               std::string(kind.summary),
                               std::string(kind.source),
                               {}});
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    opened.active_variant = static_cast<int>(i);
    Section part(shared_from_this(), index);
    if (kinds[i].read) kinds[i].read(part);
  }
  opened.active_variant = -1;
  opened.chosen_variant = static_cast<int>(chosen);
  if (kinds.empty()) return std::nullopt;
  return chosen;
}

}  // namespace fedtorch::config
