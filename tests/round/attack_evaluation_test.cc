// Success of attacks is measured on models that were trained through the hook,
// against counts over images that were stamped by hand.
#include "fedtorch/round/attack_evaluation.h"

#include "fedtorch/config/document.h"
#include "tests/support/experiments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace fedtorch::round {
namespace {

constexpr std::int64_t kTarget = 7;

std::vector<std::string> Images(std::vector<std::string> more = {}) {
  std::vector<std::string> overrides{"data.dataset.shape=[1, 12, 12]",
                                     "data.dataset.classes=10",
                                     "data.dataset.noise=0.3",
                                     "data.dataset.train_samples=2000",
                                     "data.dataset.test_samples=500",
                                     "client.batch_size=20"};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return overrides;
}

// An attack that knows the data of a federation.
std::unique_ptr<attack::Attack> Started(const std::string& text,
                                        const support::Federation& federation) {
  auto document =
      config::Document::FromText("attack: " + text, "attack_evaluation.yaml");
  auto root = document.Root();
  auto made = config::MakeKind(
      root, {.name = "attack", .help = ""}, attack::AllKinds(), std::nullopt);
  document.Finish();
  made->Start(AttackSettingOf(federation.world, federation.experiment.seed));
  return made;
}

// Trains one client that holds all training samples from the global model and
// returns its weights.
std::vector<double> Trained(support::Federation& federation,
                            const attack::Attack* attack,
                            std::int64_t rank = 0) {
  std::vector<std::int64_t> all(
      static_cast<std::size_t>(federation.world.corpus.train.size()));
  std::iota(all.begin(), all.end(), 0);
  const std::vector<float> sent = federation.model.SentParameters();
  std::vector<double> weights;
  federation.workers.Run({0}, [&](Worker& worker, std::int64_t) {
    std::unique_ptr<client::Tampering> tampering;
    if (attack != nullptr) {
      tampering = attack->Tamper({.seed = 3,
                                  .rank = rank,
                                  .lr = federation.experiment.work.lr,
                                  .model = sent});
    }
    const auto local = worker.problem->weights();
    std::copy(sent.begin(), sent.end(), local.begin());
    worker.problem->Begin({.client = rank,
                           .round = 1,
                           .indices = all,
                           .epochs = 10,
                           .lr = federation.experiment.work.lr,
                           .tampering = tampering.get()});
    worker.problem->Train({});
    weights.assign(local.begin(), local.end());
  });
  return weights;
}

std::map<std::string, double> Success(support::Federation& federation,
                                      const attack::Attack& attack,
                                      std::int64_t batch_size = 64) {
  const auto metrics = AttackSuccess(federation.workers,
                                     federation.model,
                                     federation.world,
                                     *attack.target(),
                                     batch_size);
  return {metrics.begin(), metrics.end()};
}

// What the model takes every image of a set for.
std::vector<std::int64_t> Predicted(support::Federation& federation,
                                    const data::Dataset& set) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(set.size()));
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::int64_t> predicted(all.size());
  std::vector<float> losses(all.size());
  const std::vector<float> sent = federation.model.SentParameters();
  federation.workers.Run({0}, [&](Worker& worker, std::int64_t) {
    std::copy(sent.begin(), sent.end(), worker.session->parameters().begin());
    client::BatchReader reader(set);
    worker.session->Predict(reader.Read(all),
                            {.losses = losses, .predicted = predicted});
  });
  return predicted;
}

// The test set with white pixels in rows 7 to 11, columns 7 to 11.
data::Dataset Stamped(const support::Federation& federation) {
  data::Dataset stamped = *federation.world.corpus.test;
  for (std::size_t i = 0; i < stamped.targets.size(); ++i) {
    for (std::size_t row = 7; row < 12; ++row) {
      for (std::size_t column = 7; column < 12; ++column) {
        stamped.bytes[i * 144 + row * 12 + column] = 255;
      }
    }
  }
  return stamped;
}

double ShareTakenForTarget(const std::vector<std::int64_t>& predicted,
                           const data::Dataset& set) {
  double hits = 0.0;
  double count = 0.0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    if (set.targets[i] == kTarget) continue;
    count += 1.0;
    if (predicted[i] == kTarget) hits += 1.0;
  }
  return hits / count;
}

double Accuracy(support::Federation& federation) {
  const data::Dataset& test = *federation.world.corpus.test;
  const auto predicted = Predicted(federation, test);
  double hits = 0.0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    if (predicted[i] == test.targets[i]) hits += 1.0;
  }
  return hits / static_cast<double>(predicted.size());
}

// Larger than a patch of the generated images, which may be white by itself.
constexpr const char* kBadNets =
    "{name: badnets, size: 5, ratio: 0.3, target: 7}";

TEST(AttackEvaluation, ACleanModelScoresItsConfusionRateNotOneInTen) {
  support::Federation federation(Images());
  const auto attack = Started(kBadNets, federation);
  federation.model.parameters = Trained(federation, nullptr);
  ASSERT_GT(Accuracy(federation), 0.95);
  const auto metrics = Success(federation, *attack);
  EXPECT_EQ(metrics.at("attack/samples"), 450.0);
  EXPECT_LT(metrics.at("attack/success_rate"), 0.06);
  const data::Dataset stamped = Stamped(federation);
  EXPECT_EQ(metrics.at("attack/success_rate"),
            ShareTakenForTarget(Predicted(federation, stamped), stamped));
}

TEST(AttackEvaluation, AModelTrainedOnTheTriggerScoresNearOne) {
  support::Federation federation(Images());
  const auto attack = Started(kBadNets, federation);
  federation.model.parameters = Trained(federation, attack.get());
  EXPECT_GT(Accuracy(federation), 0.95) << "it hides";
  const auto metrics = Success(federation, *attack);
  EXPECT_GT(metrics.at("attack/success_rate"), 0.95);
  const data::Dataset stamped = Stamped(federation);
  EXPECT_EQ(metrics.at("attack/success_rate"),
            ShareTakenForTarget(Predicted(federation, stamped), stamped));
  EXPECT_LT(
      ShareTakenForTarget(Predicted(federation, *federation.world.corpus.test),
                          *federation.world.corpus.test),
      0.06)
      << "without the trigger it does as it should";
}

TEST(AttackEvaluation, DoesNotDependOnChunksOrThreads) {
  // Few poisoned samples leave a rate between 0 and 1.
  constexpr const char* kWeak =
      "{name: badnets, size: 2, ratio: 0.03, target: 7}";
  std::vector<double> parameters;
  std::map<std::string, double> expected;
  for (const char* threads : {"runtime.threads=1", "runtime.threads=3"}) {
    // One at a time: of two, oneTBB would obey the lower number.
    support::Federation federation(Images({threads}));
    const auto attack = Started(kWeak, federation);
    if (parameters.empty()) {
      parameters = Trained(federation, attack.get());
      federation.model.parameters = parameters;
      expected = Success(federation, *attack, 1);
    }
    federation.model.parameters = parameters;
    for (const std::int64_t batch_size : {1, 7, 450, 1000}) {
      EXPECT_EQ(Success(federation, *attack, batch_size), expected) << threads;
    }
  }
  EXPECT_GT(expected.at("attack/success_rate"), 0.02);
  EXPECT_LT(expected.at("attack/success_rate"), 0.98);
}

TEST(AttackEvaluation, AFlippedPairIsMeasuredOnUntouchedSamplesOfTheSource) {
  support::Federation federation(Images());
  const auto attack = Started(
      "{name: label_flip, map: pair, source: 2, target: 7}", federation);
  federation.model.parameters = Trained(federation, nullptr);
  const auto clean = Success(federation, *attack);
  EXPECT_EQ(clean.at("attack/samples"), 50.0);
  EXPECT_LT(clean.at("attack/success_rate"), 0.06);
  federation.model = GlobalModel::Initial(federation.world.network,
                                          federation.experiment.seed);
  federation.model.parameters = Trained(federation, attack.get());
  EXPECT_GT(Success(federation, *attack).at("attack/success_rate"), 0.95);
}

TEST(AttackEvaluation, TheMeanOfFourStripsKnowsTheWholePattern) {
  support::Federation federation(Images());
  const auto attack = Started(
      "{name: dba, length: 3, gap: 1, ratio: 0.3, target: 7}", federation);
  std::vector<double> mean(federation.model.parameters.size());
  for (std::int64_t rank = 0; rank < 4; ++rank) {
    const std::vector<double> own = Trained(federation, attack.get(), rank);
    for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += own[k] / 4.0;
  }
  federation.model.parameters = mean;
  EXPECT_GT(Success(federation, *attack).at("attack/success_rate"), 0.9);
}

TEST(AttackEvaluation, EdgeCasesAreCountedOneByOne) {
  support::Federation federation(Images());
  const auto attack =
      Started("{name: edge_case, tail: 0.1, source: 4, target: 7, ratio: 0.3}",
              federation);
  federation.model.parameters = Trained(federation, nullptr);
  const auto metrics = Success(federation, *attack);
  // A tenth of 50 test samples, give or take: they are other samples.
  EXPECT_GE(metrics.at("attack/samples"), 1.0);
  EXPECT_LE(metrics.at("attack/samples"), 15.0);
  EXPECT_LT(metrics.at("attack/success_rate"), 0.2);
}

TEST(AttackEvaluation, HasNoRateWhereNothingCounts) {
  class Nothing final : public attack::Target {
   public:
    bool Counts(std::int64_t) const override { return false; }
    void Present(const client::TamperedBatch&) const override {}
    std::int64_t Wanted(std::int64_t) const override { return 0; }
  };
  support::Federation federation({});
  const auto metrics = AttackSuccess(
      federation.workers, federation.model, federation.world, Nothing(), 10);
  ASSERT_EQ(metrics.size(), 1U);
  EXPECT_EQ(metrics[0], (std::pair<std::string, double>("attack/samples", 0)));
}

TEST(AttackSetting, KnowsWhatABrightPixelBecomes) {
  support::Federation plain(
      {"data.dataset.shape=[3, 4, 4]", "data.dataset.normalize=none"});
  const attack::Setting setting = AttackSettingOf(plain.world, 5);
  EXPECT_EQ(setting.seed, 5U);
  EXPECT_EQ(setting.train, &plain.world.corpus.train);
  EXPECT_EQ(setting.dark, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(setting.bright, (std::vector<float>{1, 1, 1}));

  support::Federation scaled({"data.dataset.shape=[2, 4, 4]",
                              "data.dataset.mean=[0.5, 0.25]",
                              "data.dataset.std=[0.25, 0.5]"});
  const attack::Setting two = AttackSettingOf(scaled.world, 5);
  EXPECT_EQ(two.dark, (std::vector<float>{-2.0F, -0.5F}));
  EXPECT_EQ(two.bright, (std::vector<float>{2.0F, 1.5F}));
  EXPECT_EQ(two.num_classes, 4);
  EXPECT_FALSE(two.tokens);
}

TEST(AttackSetting, NoiseOnTheClientsSamplesDoesNotChangeIt) {
  const std::vector<std::string> scaling{"data.dataset.mean=[0.5]",
                                         "data.dataset.std=[0.25]"};
  support::Federation noisy(
      {scaling[0], scaling[1], "data.partition={name: feature_noise}"});
  EXPECT_EQ(noisy.world.corpus.train.type, data::FeatureType::kFloat32);
  EXPECT_EQ(AttackSettingOf(noisy.world, 1).bright, std::vector<float>{2.0F});
  // Without bytes anywhere the samples themselves say it.
  support::Federation numbers({scaling[0],
                               scaling[1],
                               "data.partition={name: feature_noise}",
                               "data.dataset.test_samples=0"});
  const attack::Setting setting = AttackSettingOf(numbers.world, 1);
  const auto& floats = numbers.world.corpus.train.floats;
  EXPECT_EQ(setting.bright[0], *std::max_element(floats.begin(), floats.end()));
  EXPECT_EQ(setting.dark[0], *std::min_element(floats.begin(), floats.end()));
}

}  // namespace
}  // namespace fedtorch::round
