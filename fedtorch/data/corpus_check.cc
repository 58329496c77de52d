#include "fedtorch/data/corpus_check.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/data/byte_file.h"

#include <algorithm>
#include <string>

namespace fedtorch::data {
namespace {

// More classes come from a wrong column, and no model could hold them.
constexpr std::int64_t kMostClasses = 10'000'000;

std::string FirstFile(const Corpus& corpus) {
  return corpus.files.empty() ? "data" : corpus.files.front().path.string();
}

void CheckSet(const Corpus& corpus, const Dataset& set, const char* name) {
  if (set.size() == 0) {
    throw core::DataError(FirstFile(corpus) + ": the " + name +
                          " set has no sample; expected at least one");
  }
  if (set.feature_count() < 1) {
    throw core::DataError(FirstFile(corpus) + ": the samples of the " + name +
                          " set have no feature; expected at least one");
  }
  const auto samples = static_cast<std::size_t>(set.size());
  const auto values = samples * static_cast<std::size_t>(set.feature_count());
  const auto expected = [&](FeatureType type) {
    return set.type == type ? values : 0;
  };
  FEDTORCH_CHECK(set.bytes.size() == expected(FeatureType::kUint8) &&
                     set.floats.size() == expected(FeatureType::kFloat32) &&
                     set.tokens.size() == expected(FeatureType::kInt64),
                 std::string("features of the ") + name + " set");
  FEDTORCH_CHECK(set.targets.size() ==
                     samples * static_cast<std::size_t>(set.target_length),
                 std::string("targets of the ") + name + " set");
  FEDTORCH_CHECK(set.owners.empty() || set.owners.size() == samples,
                 std::string("owners of the ") + name + " set");
  FEDTORCH_CHECK(std::ranges::all_of(set.owners,
                                     [&](std::int32_t owner) {
                                       return owner >= 0 &&
                                              static_cast<std::size_t>(owner) <
                                                  set.owner_names.size();
                                     }),
                 std::string("an owner of the ") + name + " set has no name");
  FEDTORCH_CHECK(std::ranges::all_of(set.targets,
                                     [&](std::int64_t target) {
                                       return target >= 0 &&
                                              target < set.num_classes;
                                     }),
                 std::string("a target of the ") + name + " set is no class");
  FEDTORCH_CHECK(set.mean.size() == set.std.size(), "one deviation a mean");
  FEDTORCH_CHECK(
      set.class_names.empty() ||
          static_cast<std::int64_t>(set.class_names.size()) == set.num_classes,
      "one name a class");
}

}  // namespace

void CheckLabels(const std::filesystem::path& path,
                 std::span<const std::int64_t> labels,
                 std::int64_t num_classes,
                 const char* unit) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= num_classes) {
      ThrowDataError(path,
                     std::string(unit) + " " + std::to_string(i) +
                         ": expected a class from 0 to " +
                         std::to_string(num_classes - 1) + ", found " +
                         std::to_string(labels[i]));
    }
  }
}

std::int64_t ClassesOf(const std::filesystem::path& path,
                       std::span<const std::int64_t> train,
                       std::span<const std::int64_t> test,
                       std::optional<std::int64_t> configured) {
  if (configured) return *configured;
  std::int64_t classes = 2;
  for (const std::int64_t label : train) classes = std::max(classes, label + 1);
  for (const std::int64_t label : test) classes = std::max(classes, label + 1);
  if (classes > kMostClasses) {
    ThrowDataError(path,
                   "expected labels below " + std::to_string(kMostClasses) +
                       ", found " + std::to_string(classes - 1) +
                       "; are these class numbers? If so, state "
                       "num_classes");
  }
  return classes;
}

void CheckCorpus(const Corpus& corpus) {
  CheckSet(corpus, corpus.train, "training");
  if (!corpus.test) return;
  CheckSet(corpus, *corpus.test, "test");
  FEDTORCH_CHECK(corpus.test->shape == corpus.train.shape &&
                     corpus.test->type == corpus.train.type &&
                     corpus.test->num_classes == corpus.train.num_classes &&
                     corpus.test->target_length == corpus.train.target_length,
                 "training and test set differ in kind");
}

}  // namespace fedtorch::data
