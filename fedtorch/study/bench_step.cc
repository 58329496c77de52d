#include "fedtorch/study/bench_step.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/model/model.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <memory>
#include <utility>

namespace fedtorch::study {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBatch = 10;
constexpr int kWarmUpSteps = 3;
// A repetition is long beside the clock's resolution, and there are enough of
// them that the best one was not disturbed.
constexpr double kRepetitionSeconds = 2e-3;
constexpr int kRepetitions = 60;
constexpr double kSeconds = 2.0;  // of one model; ends the repetitions early
constexpr int kFewestRepetitions = 5;
// Small, so that thousands of steps on one batch do not reach a loss of zero,
// where gradients become subnormal numbers, which some processors do slowly.
constexpr double kLearningRate = 1e-4;

struct StepCase {
  const char* name;
  const char* config;  // the model section
  model::InputSpec input;
};

const std::vector<StepCase>& Cases() {
  static const std::vector<StepCase> cases{
      {"logistic_60_10", "model: logistic", {.shape = {60}, .num_classes = 10}},
      {"logistic",
       "model: logistic",
       {.shape = {1, 28, 28}, .num_classes = 10}},
      {"mlp", "model: mlp", {.shape = {1, 28, 28}, .num_classes = 10}},
      {"lenet5", "model: lenet5", {.shape = {1, 28, 28}, .num_classes = 10}},
      {"cnn_mcmahan",
       "model: cnn_mcmahan",
       {.shape = {1, 28, 28}, .num_classes = 10}},
      {"cnn_femnist",
       "model: cnn_femnist",
       {.shape = {1, 28, 28}, .num_classes = 62}},
      {"cnn_pfl_cifar",
       "model: cnn_pfl_cifar",
       {.shape = {3, 32, 32}, .num_classes = 10}},
      {"char_lstm",
       "model: char_lstm",
       {.shape = {80},
        .tokens = true,
        .num_classes = 90,
        .target_length = 80}}};
  return cases;
}

const StepCase& CaseOf(const std::string& name) {
  for (const StepCase& step_case : Cases()) {
    if (step_case.name == name) return step_case;
  }
  FEDTORCH_CHECK(false, "no benchmark of a step is named " + name);
  return Cases().front();
}

// Owns one batch of random data.
class RandomBatch {
 public:
  explicit RandomBatch(const model::InputSpec& input) {
    core::Stream stream = core::Stream::Named(0, "bench");
    std::int64_t width = 1;
    for (const std::int64_t extent : input.shape) width *= extent;
    const auto below = [&stream](std::int64_t bound) {
      return static_cast<std::int64_t>(
          stream.Below(static_cast<std::uint64_t>(bound)));
    };
    for (std::int64_t i = 0; i < kBatch * width; ++i) {
      if (input.tokens) {
        tokens_.push_back(below(input.num_classes));
      } else {
        features_.push_back(static_cast<float>(stream.Normal()));
      }
    }
    for (std::int64_t i = 0; i < kBatch * input.target_length; ++i) {
      targets_.push_back(below(input.num_classes));
    }
  }

  engine::Batch view() const {
    return {.size = kBatch,
            .features = features_,
            .tokens = tokens_,
            .targets = targets_};
  }

 private:
  std::vector<float> features_;
  std::vector<std::int64_t> tokens_;
  std::vector<std::int64_t> targets_;
};

// Time that this thread ran: what others do on a shared machine counts only
// through the caches.
double ThreadSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

// Times the steps of one session.
class Racer {
 public:
  Racer(std::unique_ptr<engine::Session> session, const engine::Batch& batch)
      : session_(std::move(session)), batch_(batch) {
    // The first steps allocate and choose kernels.
    Steps(kWarmUpSteps);
    const double seconds = Steps(kWarmUpSteps) / kWarmUpSteps;
    steps_ = std::max(std::int64_t{1},
                      static_cast<std::int64_t>(kRepetitionSeconds /
                                                std::max(seconds, 1e-9)));
  }

  void Repeat() {
    // In training a step follows one of its own kind: what the other racer left
    // in the caches is not this one's time.
    Steps(1);
    best_ = std::min(best_, Steps(steps_) / static_cast<double>(steps_));
  }
  double best_seconds() const { return best_; }

 private:
  double Steps(std::int64_t count) {
    const engine::StepRule<float> rule{.lr = kLearningRate};
    const double start = ThreadSeconds();
    for (std::int64_t step = 0; step < count; ++step) {
      session_->Step(batch_, rule, dropout_);
    }
    return ThreadSeconds() - start;
  }

  std::unique_ptr<engine::Session> session_;
  const engine::Batch batch_;
  core::Stream dropout_ = core::Stream::Named(0, "dropout");
  std::int64_t steps_ = 1;  // of one repetition
  double best_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::vector<std::string> StepModels() {
  std::vector<std::string> names;
  for (const StepCase& step_case : Cases()) names.emplace_back(step_case.name);
  return names;
}

StepTime MeasureStep(const std::string& model, const Peak& peak) {
  engine::PrepareThread();
  const StepCase& step_case = CaseOf(model);
  config::Document document =
      config::Document::FromText(step_case.config, "bench");
  config::Section root = document.Root();
  const model::Options options = model::Options::Read(root);
  document.Finish();
  const model::Network network = options.Build(step_case.input);
  const RandomBatch batch(step_case.input);

  std::vector<std::unique_ptr<Racer>> racers;
  racers.push_back(std::make_unique<Racer>(
      engine::MakeAutogradSession<float>(network, options.buffers),
      batch.view()));
  if (engine::PlanObstacle(network, options.buffers).empty()) {
    racers.push_back(std::make_unique<Racer>(
        engine::MakePlanSession<float>(network, options.buffers),
        batch.view()));
  }
  const auto end = Clock::now() + std::chrono::duration<double>(kSeconds);
  for (int repetition = 0;
       repetition < kRepetitions &&
       (repetition < kFewestRepetitions || Clock::now() < end);
       ++repetition) {
    for (const auto& racer : racers) racer->Repeat();
  }

  StepTime time;
  time.model = model;
  time.batch = kBatch;
  time.autograd_us = racers.front()->best_seconds() * 1e6;
  const double best = racers.back()->best_seconds();
  if (racers.size() == 2) {
    time.plan_us = best * 1e6;
    time.speed_up = time.autograd_us / *time.plan_us;
  }
  time.gflops =
      static_cast<double>(kBatch * network.train_flops()) / best * 1e-9;
  time.share_of_sgemm_peak = time.gflops / peak.sgemm_gflops;
  return time;
}

}  // namespace fedtorch::study
