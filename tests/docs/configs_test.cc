#include "tests/docs/kind_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::docs {
namespace {

// Attacks and defences are too many for a config each:
// tests/round/every_defence_test.cc runs all of them in whole rounds.
bool IsRunElsewhere(const ListedKind& kind) {
  return kind.room == "aggregators" || kind.room == "pre_aggregators" ||
         kind.room == "attacks";
}

TEST(Configs, ReachEveryKind) {
  const auto& configs = ConfigsByKind();
  for (const ListedKind& kind : ListKinds()) {
    if (IsRunElsewhere(kind)) continue;
    EXPECT_TRUE(configs.contains(kind.key + ": " + kind.name))
        << "no config of configs/ chooses " << kind.key
        << ".name: " << kind.name << "; add it to one that fits";
  }
}

TEST(Kinds, HaveNameSummaryAndSource) {
  const auto kinds = ListKinds();
  EXPECT_FALSE(kinds.empty());
  for (const ListedKind& kind : kinds) {
    EXPECT_FALSE(kind.name.empty()) << kind.key;
    EXPECT_TRUE(kind.summary.ends_with('.')) << kind.key << ": " << kind.name;
    EXPECT_FALSE(kind.source.empty()) << kind.key << ": " << kind.name;
  }
}

}  // namespace
}  // namespace fedtorch::docs
