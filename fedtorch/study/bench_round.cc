#include "fedtorch/study/bench_round.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <utility>

namespace fedtorch::study {
namespace {

constexpr std::int64_t kWarmUpRounds = 2;
constexpr std::size_t kFewestRounds = 5;
constexpr std::size_t kMostRounds = 100;
constexpr double kSeconds = 3.0;
constexpr double kMegabyte = 1e6;

struct RoundJob {
  const char* name;
  const char* overrides[4];
};

// What all jobs share; each adds its shape, samples, model and cohort.
constexpr const char* kShared = R"(
seed: 0
data:
  dataset: {name: synthetic_images, test_samples: 0}
  partition: iid
federation: {num_clients: 1000, rounds: 1000}
client: {local_epochs: 1, batch_size: 10, optimizer: {name: sgd, lr: 0.05}}
)";

constexpr RoundJob kJobs[] = {{"lr_mnist",
                               {"+data.dataset.shape=[1,28,28]",
                                "+data.dataset.train_samples=60000",
                                "+model=logistic",
                                "+federation.clients_per_round=100"}},
                              {"mlp_mnist",
                               {"+data.dataset.shape=[1,28,28]",
                                "+data.dataset.train_samples=60000",
                                "+model=mlp",
                                "+federation.clients_per_round=50"}},
                              {"lenet",
                               {"+data.dataset.shape=[1,28,28]",
                                "+data.dataset.train_samples=60000",
                                "+model=lenet5",
                                "+federation.clients_per_round=50"}},
                              {"cnn_mcmahan",
                               {"+data.dataset.shape=[1,28,28]",
                                "+data.dataset.train_samples=60000",
                                "+model=cnn_mcmahan",
                                "+federation.clients_per_round=20"}},
                              {"cnn_pfl_cifar",
                               {"+data.dataset.shape=[3,32,32]",
                                "+data.dataset.train_samples=50000",
                                "+model=cnn_pfl_cifar",
                                "+federation.clients_per_round=20"}}};

round::Experiment ReadJob(const std::string& name) {
  for (const RoundJob& job : kJobs) {
    if (job.name != name) continue;
    config::Document document = config::Document::FromText(
        kShared, name, {job.overrides, job.overrides + 4});
    round::Experiment experiment = round::Experiment::Read(document.Root());
    document.Finish();
    return experiment;
  }
  FEDTORCH_CHECK(false, "no job is named " + name);
  return {};
}

// Starts the count of the most memory anew, as far as the system allows.
void ResetPeakMemory() {
  // What earlier jobs left behind is given back, or it would count again.
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

double PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "VmHWM:") continue;
    double kibibytes = 0.0;
    status >> kibibytes;
    return kibibytes * 1024.0 / kMegabyte;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0 / kMegabyte;
}

struct MeasuredRound {
  double seconds = 0.0;
  round::RoundReport report;
};

RoundTime Measure(round::Experiment& experiment,
                  const round::World& world,
                  std::int64_t worker_count) {
  ResetPeakMemory();
  round::Workers workers(worker_count, experiment, world);
  client::StateStore store(std::size_t{1} << 30,
                           std::filesystem::temp_directory_path());
  experiment.method->Start(
      static_cast<std::size_t>(world.network.num_parameters()));
  round::GlobalModel model =
      round::GlobalModel::Initial(world.network, experiment.seed);
  round::SyncRound rounds(experiment, world, workers, store);
  std::int64_t round = 0;
  const auto run = [&] {
    const auto start = std::chrono::steady_clock::now();
    MeasuredRound measured;
    measured.report = rounds.Run(++round, &model);
    const std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    measured.seconds = elapsed.count();
    return measured;
  };
  while (round < kWarmUpRounds) run();
  std::vector<MeasuredRound> all;
  double total = 0.0;
  while (all.size() < kFewestRounds ||
         (total < kSeconds && all.size() < kMostRounds)) {
    all.push_back(run());
    total += all.back().seconds;
  }
  // The lower of the two in the middle is a round that took place.
  const auto middle =
      all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) / 2);
  std::nth_element(all.begin(),
                   middle,
                   all.end(),
                   [](const MeasuredRound& a, const MeasuredRound& b) {
                     return a.seconds < b.seconds;
                   });
  RoundTime time;
  time.workers = worker_count;
  time.rounds = static_cast<std::int64_t>(all.size());
  time.steps_per_round = middle->report.num_steps();
  time.seconds_per_round = middle->seconds;
  time.client_steps_per_s =
      static_cast<double>(time.steps_per_round) / middle->seconds;
  time.clients_per_s =
      static_cast<double>(middle->report.num_admitted()) / middle->seconds;
  time.peak_rss_mb = PeakMegabytes();
  time.shares = round::SharesOf(middle->report, 0.0, 0.0, middle->seconds);
  return time;
}

}  // namespace

std::vector<std::string> RoundJobs() {
  std::vector<std::string> names;
  for (const RoundJob& job : kJobs) names.emplace_back(job.name);
  return names;
}

void MeasureRounds(const std::string& job,
                   const std::vector<std::int64_t>& worker_counts,
                   const std::function<void(const RoundTime&)>& done) {
  round::Experiment experiment = ReadJob(job);
  const round::World world = round::BuildWorld(experiment);
  for (const std::int64_t count : worker_counts) {
    RoundTime time = Measure(experiment, world, count);
    time.job = job;
    done(time);
  }
}

}  // namespace fedtorch::study
