// Promises that every kind keeps, with its default parameters.

#include "fedtorch/partition/skew.h"
#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::HasSubstr;

/// Makes 2200 samples of 10 unequal classes and 25 owners.
data::Dataset Owned(std::uint64_t seed) {
  data::Dataset dataset = Unbalanced(40, 10, seed);
  for (std::int32_t i = 0; i < dataset.size(); ++i) {
    dataset.owners.push_back(i % 25);
  }
  for (int owner = 0; owner < 25; ++owner) {
    dataset.owner_names.push_back("owner " + std::to_string(owner));
  }
  return dataset;
}

/// True for the kinds that do not look at the classes of samples.
bool NeedsNoClasses(const Kind& kind) {
  static const std::set<std::string_view> names{
      "feature_noise", "iid", "lognormal_quantity", "natural", "quantity_skew"};
  return names.count(kind.name) > 0;
}

class EveryKind : public testing::TestWithParam<const Kind*> {
 protected:
  static std::string Name() { return std::string(GetParam()->name); }
  static Split SplitOf(const data::Dataset& dataset, std::uint64_t seed) {
    return FromText(Name())->Partition({.dataset = dataset,
                                        .num_clients = 20,
                                        .min_samples = 5,
                                        .seed = seed});
  }
};

TEST_P(EveryKind, GivesNoSampleToTwoClientsAndCountsTheRest) {
  const data::Dataset dataset = Owned(1);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Split split = SplitOf(dataset, seed);
    const ClientShards& shards = split.shards;
    ASSERT_EQ(shards.num_clients(), 20);
    const std::set<std::int64_t> owned(shards.indices.begin(),
                                       shards.indices.end());
    EXPECT_EQ(owned.size(), shards.indices.size());
    EXPECT_GE(*owned.begin(), 0);
    EXPECT_LT(*owned.rbegin(), dataset.size());
    EXPECT_EQ(std::ssize(owned) + split.unassigned, dataset.size());
  }
}

TEST_P(EveryKind, MeetsTheMinimumAndListsSamplesAscending) {
  const data::Dataset dataset = Owned(1);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Split split = SplitOf(dataset, seed);
    for (std::int64_t client = 0; client < 20; ++client) {
      EXPECT_GE(split.shards.SizeOf(client), 5);
      EXPECT_TRUE(std::ranges::is_sorted(split.shards.Of(client)));
    }
  }
}

TEST_P(EveryKind, DependsOnTheSeedAlone) {
  const data::Dataset dataset = Owned(1);
  const std::string first = PartitionHash(SplitOf(dataset, 7).shards);
  EXPECT_EQ(first, PartitionHash(SplitOf(dataset, 7).shards));
  EXPECT_NE(first, PartitionHash(SplitOf(dataset, 8).shards));
}

TEST_P(EveryKind, SplitsTextsUnlessItNeedsClassesOrPixels) {
  data::Dataset texts = Texts(400, 7);
  for (std::int32_t i = 0; i < 400; ++i) texts.owners.push_back(i / 20);
  texts.owner_names.assign(20, "speaker");
  if (NeedsNoClasses(*GetParam()) && Name() != "feature_noise") {
    const Split split =
        FromText(Name())->Partition({.dataset = texts, .num_clients = 10});
    EXPECT_EQ(std::ssize(split.shards.indices) + split.unassigned, 400);
  } else {
    EXPECT_THAT(Refusal(Name(), {.dataset = texts, .num_clients = 10}),
                HasSubstr("iid"));
  }
}

TEST_P(EveryKind, RefusesAMinimumThatCannotBeMet) {
  const data::Dataset dataset = Owned(1);
  EXPECT_THAT(
      Refusal(Name(),
              {.dataset = dataset, .num_clients = 20, .min_samples = 111}),
      testing::AllOf(HasSubstr("cannot partition by '" + Name() + "'"),
                     HasSubstr("at least 111"),
                     HasSubstr("; lower "),
                     HasSubstr("min_samples")));
}

TEST_P(EveryKind, RefusesAnEmptyDataSet) {
  const data::Dataset dataset = WithTargets({}, 10);
  EXPECT_THAT(
      Refusal(Name(), {.dataset = dataset, .num_clients = 2, .min_samples = 0}),
      HasSubstr("cannot partition by '" + Name() + "'"));
}

TEST_P(EveryKind, WantsANumberOfClientsUnlessItKnowsOne) {
  const data::Dataset dataset = Owned(1);
  const auto partitioner = FromText(Name());
  if (partitioner->knows_num_clients()) {
    EXPECT_EQ(partitioner->Partition({.dataset = dataset}).shards.num_clients(),
              25);
  } else {
    EXPECT_THAT(Refusal(Name(), {.dataset = dataset}),
                HasSubstr("set num_clients"));
  }
}

TEST_P(EveryKind, GivesEverythingToASingleClient) {
  data::Dataset dataset = Balanced(100, 2);
  dataset.owners.assign(100, 0);
  dataset.owner_names = {"only"};
  const Split split =
      FromText(Name())->Partition({.dataset = dataset, .num_clients = 1});
  EXPECT_EQ(split.shards.SizeOf(0), 100);
  EXPECT_EQ(split.unassigned, 0);
}

// Guards against an unintended change of a split between versions or
// machines. The hashes are those of the code itself; whether the splits are
// right is for the other tests to say.
TEST_P(EveryKind, StillGivesTheSplitOfEarlierVersions) {
  const std::map<std::string, std::string> hashes{
      {"dirichlet", "5335f31fa4d3fc8d"},
      {"dirichlet_balanced", "db74a3d423f0e47c"},
      {"dirichlet_client", "496ea1a990f6bdd9"},
      {"dirichlet_client_total", "997d4c1ea8e77df3"},
      {"feature_noise", "286c3b2ecb6e405b"},
      {"iid", "7e74bb07528392ba"},
      {"labels_k", "8be0b64365fd3ab8"},
      {"lognormal_quantity", "1f3b5da217fa1031"},
      {"natural", "3c62660841d6dee8"},
      {"quantity_skew", "5d1f590f56f08722"},
      {"shards", "ccc904ade528c71d"},
      {"similarity", "c4ea8b66af18feae"},
  };
  const Split split = SplitOf(Owned(1), 2024);
  EXPECT_EQ(PartitionHash(split.shards).substr(0, 16), hashes.at(Name()));
}

INSTANTIATE_TEST_SUITE_P(Partition,
                         EveryKind,
                         testing::ValuesIn(Kinds().begin(), Kinds().end()),
                         [](const auto& param) {
                           return std::string(param.param->name);
                         });

class EveryKindByClass : public EveryKind {};

TEST_P(EveryKindByClass, DrawsCountsThatDoNotDependOnTheOrderOfTheSamples) {
  const data::Dataset dataset = Unbalanced(40, 10, 1);
  data::Dataset sorted = dataset;
  std::ranges::sort(sorted.targets);
  const data::Dataset shuffled = Unbalanced(40, 10, 2);
  const Matrix expected = CountMatrix(SplitOf(dataset, 3).shards, dataset);
  EXPECT_EQ(CountMatrix(SplitOf(sorted, 3).shards, sorted), expected);
  EXPECT_EQ(CountMatrix(SplitOf(shuffled, 3).shards, shuffled), expected);
}

std::vector<const Kind*> KindsByClass() {
  std::vector<const Kind*> kinds;
  for (const Kind* kind : Kinds()) {
    if (!NeedsNoClasses(*kind)) kinds.push_back(kind);
  }
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(Partition,
                         EveryKindByClass,
                         testing::ValuesIn(KindsByClass()),
                         [](const auto& param) {
                           return std::string(param.param->name);
                         });

TEST(Kinds, AreNamedLikeTheirFilesAndSayWhereTheyComeFrom) {
  const auto kinds = Kinds();
  const auto stems = KindFileStems();
  ASSERT_EQ(kinds.size(), stems.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(kinds[i]->name, stems[i]);
    EXPECT_FALSE(kinds[i]->summary.empty());
    EXPECT_FALSE(kinds[i]->source.empty());
  }
}

TEST(Kinds, TakeTheAlphaOfOtherFrameworks) {
  const data::Dataset dataset = Balanced(1000, 10);
  const Input input{.dataset = dataset, .num_clients = 4};
  const auto hash = [&input](const std::string& text) {
    return PartitionHash(FromText(text)->Partition(input).shards);
  };
  for (const std::string kind : {"dirichlet",
                                 "dirichlet_balanced",
                                 "dirichlet_client",
                                 "dirichlet_client_total",
                                 "quantity_skew"}) {
    const std::string expected = hash("{name: " + kind + ", alpha: 3.5}");
    EXPECT_NE(hash(kind), expected);
    for (const std::string alias :
         {"beta", "concentration", "dirichlet_alpha", "partition_alpha"}) {
      EXPECT_EQ(hash("{name: " + kind + ", " + alias + ": 3.5}"), expected);
    }
  }
}

}  // namespace
}  // namespace fedtorch::partition
