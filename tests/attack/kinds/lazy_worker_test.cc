#include "fedtorch/attack/attack.h"
#include "tests/attack/attack_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::attack {
namespace {

using testing::ElementsAre;

// A round in which the named clients take part, each with its own update.
std::vector<std::vector<double>> Play(Attack& attack,
                                      std::int64_t round,
                                      std::vector<std::int64_t> clients) {
  const std::vector<double> honest = {0.0};
  std::vector<double> own;
  for (const std::int64_t client : clients) {
    own.push_back(static_cast<double>(100 * round + client));
  }
  const auto known = aggregate::UpdateTable::Of<double>(std::span(honest), 1);
  const auto mine =
      aggregate::UpdateTable::Of<double>(std::span<const double>(own), 1);
  Scene scene;
  scene.round = round;
  scene.known = &known;
  scene.own = &mine;
  scene.num_byzantine = static_cast<std::int64_t>(clients.size());
  scene.num_total = scene.num_byzantine + 1;
  scene.clients = std::move(clients);
  return attack.Craft(scene).vectors;
}

TEST(LazyWorker, SendsItsFirstUpdateAgain) {
  const auto attack = FromText("lazy_worker");
  EXPECT_TRUE(attack->needs_own_updates());
  EXPECT_THAT(Play(*attack, 1, {3, 7}),
              ElementsAre(ElementsAre(103.0), ElementsAre(107.0)));
  // By client, not by place; 5 is new.
  EXPECT_THAT(Play(*attack, 2, {5, 7}),
              ElementsAre(ElementsAre(205.0), ElementsAre(107.0)));
  EXPECT_THAT(Play(*attack, 3, {3, 5}),
              ElementsAre(ElementsAre(103.0), ElementsAre(205.0)));
}

TEST(LazyWorker, WorksAgainAsOftenAsTold) {
  const auto attack = FromText("{name: lazy_worker, renew: 2}");
  EXPECT_THAT(Play(*attack, 1, {1}), ElementsAre(ElementsAre(101.0)));
  EXPECT_THAT(Play(*attack, 2, {1}), ElementsAre(ElementsAre(101.0)));
  EXPECT_THAT(Play(*attack, 3, {1}), ElementsAre(ElementsAre(301.0)));
  EXPECT_THAT(Play(*attack, 4, {1}), ElementsAre(ElementsAre(301.0)));
}

TEST(LazyWorker, PutsNoiseOnCopiesOnly) {
  const auto attack = FromText("{name: lazy_worker, noise: 0.5}");
  EXPECT_THAT(Play(*attack, 1, {1}), ElementsAre(ElementsAre(101.0)));
  const auto second = Play(*attack, 2, {1});
  const auto third = Play(*attack, 3, {1});
  EXPECT_NE(second, third);
  EXPECT_NE(second[0][0], 101.0);
  EXPECT_NEAR(second[0][0], 101.0, 4.0);
  EXPECT_NEAR(third[0][0], 101.0, 4.0);  // noise does not add up
}

TEST(LazyWorker, ContinuesFromItsState) {
  const auto whole = FromText("{name: lazy_worker, renew: 3}");
  auto parts = FromText("{name: lazy_worker, renew: 3}");
  for (std::int64_t round = 1; round <= 8; ++round) {
    const std::vector<std::int64_t> clients = {round % 2, 2 + round % 3};
    EXPECT_EQ(Play(*whole, round, clients), Play(*parts, round, clients));
    const aggregate::State state = parts->SaveState();
    parts = FromText("{name: lazy_worker, renew: 3}");
    parts->LoadState(state);
  }
}

}  // namespace
}  // namespace fedtorch::attack
