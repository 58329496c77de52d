#include "fedtorch/data/owner_table.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <unordered_set>

namespace fedtorch::data {
namespace {

std::optional<std::int64_t> AsInteger(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

void SortNames(std::vector<std::string>* names) {
  const bool integers = std::ranges::all_of(
      *names,
      [](const std::string& name) { return AsInteger(name).has_value(); });
  std::ranges::sort(*names, [integers](const auto& a, const auto& b) {
    // "7" and "07" have equal values; then the bytes decide.
    if (integers && *AsInteger(a) != *AsInteger(b)) {
      return *AsInteger(a) < *AsInteger(b);
    }
    return a < b;
  });
}

void NameOwners(std::span<const std::string> name_of_sample, Dataset* dataset) {
  const std::unordered_set<std::string> different(name_of_sample.begin(),
                                                  name_of_sample.end());
  dataset->owner_names.assign(different.begin(), different.end());
  SortNames(&dataset->owner_names);
  std::unordered_map<std::string, std::int32_t> index_of;
  for (const std::string& name : dataset->owner_names) {
    index_of.emplace(name, static_cast<std::int32_t>(index_of.size()));
  }
  dataset->owners.clear();
  dataset->owners.reserve(name_of_sample.size());
  for (const std::string& name : name_of_sample) {
    dataset->owners.push_back(index_of.at(name));
  }
}

}  // namespace fedtorch::data
