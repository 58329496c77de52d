#include "fedtorch/study/axis_label.h"

#include "fedtorch/study/trial_label.h"

#include <gtest/gtest.h>

namespace fedtorch::study {
namespace {

TEST(RoleOf, RecognisesAxesByTheirKeys) {
  EXPECT_EQ(RoleOf("server.aggregator"), AxisRole::kDefence);
  EXPECT_EQ(RoleOf("server.aggregator.f"), AxisRole::kDefence);
  EXPECT_EQ(RoleOf("server.pre_aggregators"), AxisRole::kDefence);
  EXPECT_EQ(RoleOf("server.aggregators"), AxisRole::kSetting);
  EXPECT_EQ(RoleOf("attack"), AxisRole::kAttack);
  EXPECT_EQ(RoleOf("attack.scale"), AxisRole::kAttack);
  EXPECT_EQ(RoleOf("attack.num_byzantine"), AxisRole::kByzantine);
  EXPECT_EQ(RoleOf("attack.byzantine_fraction"), AxisRole::kByzantine);
  EXPECT_EQ(RoleOf("attack.declared_f"), AxisRole::kByzantine);
  EXPECT_EQ(RoleOf("data.partition.alpha"), AxisRole::kHeterogeneity);
  EXPECT_EQ(RoleOf("data.partition.seed"), AxisRole::kSeed);
  EXPECT_EQ(RoleOf("seed"), AxisRole::kSeed);
  EXPECT_EQ(RoleOf("client.optimizer.lr"), AxisRole::kSetting);
}

TEST(ValueLabel, IsShort) {
  EXPECT_EQ(ValueLabel("krum"), "krum");
  EXPECT_EQ(ValueLabel("{name: alie}"), "alie");
  EXPECT_EQ(ValueLabel("{name: dirichlet, alpha: 0.1}"),
            "dirichlet(alpha=0.1)");
  EXPECT_EQ(ValueLabel("[{name: clip, at: 1}, {name: nnm}]"), "clip(at=1)+nnm");
  EXPECT_EQ(ValueLabel("[]"), "none");
  EXPECT_EQ(ValueLabel("[64, 32]"), "[64,32]");
  EXPECT_EQ(ValueLabel("0.05"), "0.05");
  EXPECT_EQ(ValueLabel("{train: 0.8, test: 0.2}"), "(train=0.8, test=0.2)");
}

TrialLabel OnlyLabel(const std::vector<std::string>& axes,
                     const std::vector<std::string>& values,
                     const std::string& config) {
  FrozenSweep sweep{"s", axes, {{"id", "hash", 0, values, config}}};
  return LabelTrials(sweep).front();
}

TEST(LabelTrials, JoinsPreAggregatorsAndRule) {
  const TrialLabel label =
      OnlyLabel({"server.pre_aggregators", "server.aggregator"},
                {"[{name: nnm}]", "{name: krum, f: 2}"},
                R"({"server": {"aggregator": {"name": "mean"}}})");
  EXPECT_EQ(label.defence, "nnm+krum(f=2)");
  EXPECT_EQ(label.setting, "");
}

TEST(LabelTrials, TakesFromTheConfigWhatNoAxisNames) {
  const std::string config =
      R"({"server": {"aggregator": {"name": "krum"},
                     "pre_aggregators": [{"name": "clip"}, {"name": "nnm"}]},
          "attack": {"name": "alie"},
          "data": {"partition": {"name": "dirichlet", "alpha": 1.0}}})";
  const TrialLabel label = OnlyLabel({"server.aggregator.f",
                                      "attack.z",
                                      "data.partition.alpha",
                                      "attack.num_byzantine"},
                                     {"2", "1.5", "0.1", "4"},
                                     config);
  EXPECT_EQ(label.defence, "clip+nnm+krum(f=2)");
  EXPECT_EQ(label.attack, "alie(z=1.5)");
  EXPECT_EQ(label.heterogeneity, "dirichlet(alpha=0.1)");
  EXPECT_EQ(label.byzantine, "f=4");
}

TEST(LabelTrials, AddsKeysToTheBracketsOfAValue) {
  const TrialLabel label =
      OnlyLabel({"attack", "attack.scale"}, {"{name: x, a: 1}", "3"}, "{}");
  EXPECT_EQ(label.attack, "x(a=1, scale=3)");
}

TEST(AxisLabels, LeaveOutWhatAllValuesShare) {
  const auto labels = AxisLabels({"{name: alie, z: 1, num_byzantine: 4}",
                                  "{name: ipm, epsilon: 1, num_byzantine: 4}",
                                  "{name: none, num_byzantine: 4}"});
  EXPECT_EQ(labels.at("{name: alie, z: 1, num_byzantine: 4}"), "alie(z=1)");
  EXPECT_EQ(labels.at("{name: ipm, epsilon: 1, num_byzantine: 4}"),
            "ipm(epsilon=1)");
  EXPECT_EQ(labels.at("{name: none, num_byzantine: 4}"), "none");
  // A word has no keys, so nothing is shared with it.
  EXPECT_EQ(AxisLabels({"{name: a, k: 1}", "b"}).at("{name: a, k: 1}"),
            "a(k=1)");
  EXPECT_EQ(AxisLabels({"{name: a, k: 1}"}).at("{name: a, k: 1}"), "a(k=1)");
}

TEST(LabelTrials, ShortensKeysOfSettingsUntilTheyDiffer) {
  EXPECT_EQ(
      OnlyLabel(
          {"client.optimizer.lr", "client.batch_size"}, {"0.1", "8"}, "{}")
          .setting,
      "lr=0.1, batch_size=8");
  EXPECT_EQ(
      OnlyLabel(
          {"client.optimizer.lr", "server.optimizer.lr"}, {"0.1", "1"}, "{}")
          .setting,
      "client.optimizer.lr=0.1, server.optimizer.lr=1");
  EXPECT_EQ(OnlyLabel({"a.x.lr", "b.y.lr"}, {"1", "2"}, "{}").setting,
            "x.lr=1, y.lr=2");
}

}  // namespace
}  // namespace fedtorch::study
