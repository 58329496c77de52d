#include "fedtorch/round/evaluation.h"

#include "tests/support/experiments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace fedtorch::round {
namespace {

std::map<std::string, double> Metrics(support::Federation& federation,
                                      std::int64_t round) {
  Evaluation evaluation(federation.experiment,
                        federation.world,
                        federation.workers,
                        federation.store);
  const EvaluationReport report = evaluation.Run(round, federation.model);
  return {report.metrics.begin(), report.metrics.end()};
}

// Softmax regression written out sample by sample.
struct Naive {
  double loss = 0.0;
  double accuracy = 0.0;
};
Naive Score(const support::Federation& federation,
            const data::Dataset& set,
            std::span<const std::int64_t> indices) {
  const auto& weights = federation.model.parameters;
  Naive result;
  for (const std::int64_t index : indices) {
    std::vector<double> logits(4);
    double total = 0.0;
    std::size_t best = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      logits[c] = static_cast<float>(weights[144 + c]);
      for (std::size_t j = 0; j < 36; ++j) {
        const double pixel =
            set.bytes[static_cast<std::size_t>(index) * 36 + j];
        logits[c] += static_cast<float>(weights[j * 4 + c]) *
                     (pixel * static_cast<double>(set.scale) - set.mean[0]) /
                     set.std[0];
      }
      total += std::exp(logits[c]);
      if (logits[c] > logits[best]) best = c;
    }
    const auto target = set.targets[static_cast<std::size_t>(index)];
    result.loss += std::log(total) - logits[static_cast<std::size_t>(target)];
    if (static_cast<std::int64_t>(best) == target) result.accuracy += 1.0;
  }
  result.loss /= static_cast<double>(indices.size());
  result.accuracy /= static_cast<double>(indices.size());
  return result;
}

TEST(Evaluation, CentralEqualsASampleBySampleLoop) {
  support::Federation federation({"eval.batch_size=7"});
  federation.rounds.Run(1, &federation.model);
  const auto metrics = Metrics(federation, 1);
  const data::Dataset& test = *federation.world.corpus.test;
  std::vector<std::int64_t> all(static_cast<std::size_t>(test.size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::int64_t>(i);
  }
  const Naive naive = Score(federation, test, all);
  EXPECT_NEAR(metrics.at("test/loss"), naive.loss, 1e-5);
  EXPECT_DOUBLE_EQ(metrics.at("test/accuracy"), naive.accuracy);
}

TEST(Evaluation, ClientScoresEqualASampleBySampleLoop) {
  support::Federation federation({"eval.batch_size=7",
                                  "eval.clients.every=1",
                                  "data.client_split={train: 0.7, test: 0.3}",
                                  "eval.clients.sets=[train, test]"});
  federation.rounds.Run(1, &federation.model);
  Evaluation evaluation(federation.experiment,
                        federation.world,
                        federation.workers,
                        federation.store);
  const EvaluationReport report = evaluation.Run(1, federation.model);
  double correct = 0.0;
  double samples = 0.0;
  for (const ClientScore& score : report.clients.at("test")) {
    const auto indices = federation.world.client_sets.test.Of(score.client);
    const Naive naive =
        Score(federation, federation.world.corpus.train, indices);
    EXPECT_DOUBLE_EQ(score.accuracy, naive.accuracy);
    EXPECT_NEAR(score.loss, naive.loss, 1e-5);
    correct += naive.accuracy * static_cast<double>(indices.size());
    samples += static_cast<double>(indices.size());
  }
  const std::map<std::string, double> metrics(report.metrics.begin(),
                                              report.metrics.end());
  // The weighted mean is the accuracy over all samples pooled.
  EXPECT_NEAR(metrics.at("clients/test/accuracy/weighted_mean"),
              correct / samples,
              1e-12);
  EXPECT_TRUE(metrics.contains("clients/train/loss/mean"));
}

TEST(Evaluation, DoesNotDependOnChunksOrThreads) {
  support::Federation first({"eval.batch_size=1", "runtime.threads=1"});
  support::Federation second({"eval.batch_size=200", "runtime.threads=3"});
  const auto a = Metrics(first, 5);
  const auto b = Metrics(second, 5);
  EXPECT_EQ(a.at("test/accuracy"), b.at("test/accuracy"));
  EXPECT_NEAR(a.at("test/loss"), b.at("test/loss"), 1e-6);
  support::Federation third({"eval.batch_size=200", "runtime.threads=1"});
  EXPECT_EQ(Metrics(third, 5), b);
}

TEST(Evaluation, FollowsItsSchedule) {
  support::Federation federation({"eval.every=2", "federation.rounds=5"});
  Evaluation evaluation(federation.experiment,
                        federation.world,
                        federation.workers,
                        federation.store);
  EXPECT_TRUE(evaluation.IsDue(0));
  EXPECT_FALSE(evaluation.IsDue(1));
  EXPECT_TRUE(evaluation.IsDue(4));
  EXPECT_TRUE(evaluation.IsDue(5)) << "the last round always counts";
}

TEST(Evaluation, GivesAucForTwoClasses) {
  support::Federation federation({"data.dataset.classes=2"});
  for (int round = 1; round <= 3; ++round) {
    federation.rounds.Run(round, &federation.model);
  }
  const double auc = Metrics(federation, 5).at("test/auc");
  EXPECT_GT(auc, 0.8);
  EXPECT_LE(auc, 1.0);
}

}  // namespace
}  // namespace fedtorch::round
