#include "fedtorch/data/fedprox_device.h"
#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::uint64_t kSeed = 1;  // that of Load

TEST(SyntheticFedprox, LabelsAreThoseOfTheDevicesModel) {
  const Dataset train =
      Load("{name: synthetic_fedprox, alpha: 0.5, beta: 2, devices: 7}").train;
  ASSERT_THAT(train.shape, ElementsAre(60));
  ASSERT_EQ(train.num_classes, 10);
  const FedproxOptions options{.alpha = 0.5, .beta = 2.0, .devices = 7};
  std::set<std::int64_t> labels;
  for (std::int64_t i = 0; i < train.size(); ++i) {
    const std::int32_t device = train.owners[static_cast<std::size_t>(i)];
    const FedproxDevice drawn = DrawFedproxDevice(options, kSeed, device);
    // argmax of W^T x + b, class by class.
    std::vector<double> scores;
    for (std::size_t k = 0; k < 10; ++k) {
      double score = drawn.bias[k];
      for (std::size_t j = 0; j < 60; ++j) {
        score += drawn.weight[j * 10 + k] *
                 static_cast<double>(
                     train.floats[static_cast<std::size_t>(i) * 60 + j]);
      }
      scores.push_back(score);
    }
    const auto best = std::ranges::max_element(scores) - scores.begin();
    ASSERT_EQ(train.targets[static_cast<std::size_t>(i)], best) << i;
    labels.insert(best);
  }
  EXPECT_GT(labels.size(), 5U);
}

TEST(SyntheticFedprox, FeaturesHaveThePublishedCovariance) {
  const std::int64_t samples = 20'000;
  const Dataset train =
      Load("{name: synthetic_fedprox, devices: 1, samples_per_device: 20000}")
          .train;
  ASSERT_EQ(train.size(), samples);
  const FedproxDevice drawn = DrawFedproxDevice({.devices = 1}, kSeed, 0);
  const auto offset = [&](std::int64_t i, std::size_t j) {
    return static_cast<double>(
               train.floats[static_cast<std::size_t>(i) * 60 + j]) -
           drawn.center[j];
  };
  for (std::size_t j = 0; j < 60; ++j) {
    double mean = 0.0;
    double square = 0.0;
    double cross = 0.0;
    const std::size_t other = (j + 1) % 60;
    for (std::int64_t i = 0; i < samples; ++i) {
      mean += offset(i, j) / samples;
      square += offset(i, j) * offset(i, j) / samples;
      cross += offset(i, j) * offset(i, other) / samples;
    }
    const double variance = std::pow(static_cast<double>(j + 1), -1.2);
    const double other_variance =
        std::pow(static_cast<double>(other + 1), -1.2);
    // Five standard errors.
    EXPECT_NEAR(mean, 0.0, 5 * std::sqrt(variance / samples)) << j;
    EXPECT_NEAR(square, variance, 5 * variance * std::sqrt(2.0 / samples)) << j;
    EXPECT_NEAR(cross, 0.0, 5 * std::sqrt(variance * other_variance / samples))
        << j;
  }
}

TEST(SyntheticFedprox, SizesAreLognormalPlusFifty) {
  std::vector<std::int64_t> sizes;
  std::vector<double> logs;
  constexpr int kDevices = 20'001;
  for (std::int64_t device = 0; device < kDevices; ++device) {
    sizes.push_back(DrawFedproxSize(kSeed, device));
    logs.push_back(std::log(static_cast<double>(sizes.back() - 50) + 0.5));
  }
  EXPECT_GE(*std::ranges::min_element(sizes), 50);
  std::ranges::sort(sizes);
  // The median of floor(lognormal(4, 2)) + 50 is floor(e^4) + 50 = 104. One
  // standard error is sqrt(pi / 2 / n) * 2 on the log scale: 1.8 %.
  EXPECT_NEAR(static_cast<double>(sizes[kDevices / 2]), 104.0, 5.0);
  std::ranges::sort(logs);
  const double upper = logs[static_cast<std::size_t>(0.8413 * kDevices)];
  EXPECT_NEAR(upper, 4.0 + 2.0, 0.15);
}

TEST(SyntheticFedprox, AlphaAndBetaAreStandardDeviations) {
  constexpr int kDevices = 4000;
  const FedproxOptions options{.alpha = 0.5,
                               .beta = 2.0,
                               .devices = kDevices,
                               .dimension = 4,
                               .classes = 3};
  double model = 0.0;
  double feature = 0.0;
  double weight = 0.0;
  double center = 0.0;
  for (std::int64_t device = 0; device < kDevices; ++device) {
    const FedproxDevice drawn = DrawFedproxDevice(options, kSeed, device);
    model += drawn.model_mean * drawn.model_mean / kDevices;
    feature += drawn.feature_mean * drawn.feature_mean / kDevices;
    weight += std::pow(drawn.weight[5] - drawn.model_mean, 2) / kDevices;
    center += std::pow(drawn.center[2] - drawn.feature_mean, 2) / kDevices;
  }
  const double error = 5 * std::sqrt(2.0 / kDevices);
  EXPECT_NEAR(model, 0.25, 0.25 * error);
  EXPECT_NEAR(feature, 4.0, 4.0 * error);
  EXPECT_NEAR(weight, 1.0, error);
  EXPECT_NEAR(center, 1.0, error);
}

TEST(SyntheticFedprox, AlphaZeroLeavesModelsThatDiffer) {
  const FedproxOptions zero{.alpha = 0.0, .beta = 0.0};
  const FedproxDevice first = DrawFedproxDevice(zero, kSeed, 0);
  const FedproxDevice second = DrawFedproxDevice(zero, kSeed, 1);
  EXPECT_EQ(first.model_mean, 0.0);
  EXPECT_EQ(second.feature_mean, 0.0);
  // Synthetic(0, 0) is not i.i.d.
  EXPECT_NE(first.weight, second.weight);
  EXPECT_NE(first.center, second.center);
}

TEST(SyntheticFedprox, IidSharesOneModel) {
  const FedproxOptions iid{.alpha = 0.0, .beta = 0.0, .iid = true};
  const FedproxDevice first = DrawFedproxDevice(iid, kSeed, 0);
  const FedproxDevice second = DrawFedproxDevice(iid, kSeed, 1);
  EXPECT_EQ(first.weight, second.weight);
  EXPECT_EQ(first.bias, second.bias);
  EXPECT_EQ(first.center, std::vector<double>(60, 0.0));
  const Dataset train = Load(
                            "{name: synthetic_fedprox, alpha: 0, beta: 0, "
                            "iid: true, devices: 2, samples_per_device: 3}")
                            .train;
  EXPECT_NE(FeaturesOf(train, 0), FeaturesOf(train, 3));
  EXPECT_THAT(ConfigRefusal("{name: synthetic_fedprox, iid: true}"),
              HasSubstr("alpha: 0 and beta: 0"));
}

TEST(SyntheticFedprox, NamesOwnersByDevice) {
  const Dataset train =
      Load(
          "{name: synthetic_fedprox, devices: 3, samples_per_device: 2, "
          "dimension: 5, classes: 4}")
          .train;
  EXPECT_THAT(train.owner_names, ElementsAre("0", "1", "2"));
  EXPECT_THAT(train.owners, ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(train.floats, SizeIs(30));
  EXPECT_EQ(train.num_classes, 4);
}

TEST(SyntheticFedprox, DependsOnTheSeedAndNotOnThreads) {
  const auto reader = ReaderOf("{name: synthetic_fedprox, devices: 40}");
  const auto load = [&](std::size_t threads, std::uint64_t seed) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    return reader->Load(seed).train;
  };
  const Dataset one = load(1, 3);
  const Dataset four = load(4, 3);
  EXPECT_EQ(one.floats, four.floats);
  EXPECT_EQ(one.targets, four.targets);
  EXPECT_EQ(one.owners, four.owners);
  EXPECT_NE(one.floats, load(4, 4).floats);
}

TEST(SyntheticFedprox, ADeviceDoesNotDependOnHowManyThereAre) {
  const Dataset few =
      Load("{name: synthetic_fedprox, devices: 2, samples_per_device: 5}")
          .train;
  const Dataset many =
      Load("{name: synthetic_fedprox, devices: 9, samples_per_device: 5}")
          .train;
  EXPECT_TRUE(
      std::equal(few.floats.begin(), few.floats.end(), many.floats.begin()));
}

}  // namespace
}  // namespace fedtorch::data
