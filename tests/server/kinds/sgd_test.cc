#include "fedtorch/core/errors.h"
#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::server {
namespace {

using testing::ElementsAre;

TEST(Sgd, AddsTheDeltaByDefault) {
  EXPECT_THAT(ScalarSteps("sgd", {2.0, -0.5}), ElementsAre(2.0, 1.5));
}

TEST(Sgd, ScalesTheDeltaByItsRate) {
  EXPECT_THAT(ScalarSteps("{name: sgd, lr: 0.25}", {2.0, -8.0}),
              ElementsAre(0.5, -1.5));
}

TEST(Sgd, HoldsNoState) {
  const auto optimizer = FromText("sgd");
  Steps(*optimizer, {1.0}, {{2.0}});
  EXPECT_TRUE(optimizer->SaveState().empty());
}

TEST(Sgd, NeedsAPositiveRate) {
  EXPECT_THROW(FromText("{name: sgd, lr: 0}"), core::ConfigError);
  EXPECT_THROW(FromText("{name: sgd, lr: -1}"), core::ConfigError);
  EXPECT_THROW(FromText("{name: sgd, momentum: 0.9}"), core::ConfigError);
}

}  // namespace
}  // namespace fedtorch::server
