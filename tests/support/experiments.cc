#include "tests/support/experiments.h"

#include "fedtorch/round/adversaries.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fedtorch::support {
namespace {

constexpr const char* kSmall = R"(
name: small
seed: 3
data:
  dataset:
    name: synthetic_images
    shape: [1, 6, 6]
    classes: 4
    train_samples: 600
    test_samples: 200
  partition: {name: dirichlet, alpha: 1.0, min_samples: 5}
model: logistic
federation: {num_clients: 12, clients_per_round: 4, rounds: 5}
client: {batch_size: 10, optimizer: {name: sgd, lr: 0.05}}
runtime: {threads: 2}
checkpoint: {every: 0}
)";

}  // namespace

ScratchFolder::ScratchFolder() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "fedtorch-test-XXXXXX")
          .string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no scratch folder can be made");
  }
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

config::Document SmallDocument(const std::vector<std::string>& overrides) {
  return config::Document::FromText(kSmall, "small.yaml", overrides);
}

round::Experiment SmallExperiment(const std::vector<std::string>& overrides) {
  config::Document document = SmallDocument(overrides);
  round::Experiment experiment = round::Experiment::Read(document.Root());
  document.Finish();
  return experiment;
}

Federation::Federation(const std::vector<std::string>& overrides)
    : experiment(SmallExperiment(overrides)),
      world(round::BuildWorld(experiment)),
      workers(round::WorkerCount(experiment), experiment, world),
      store(std::size_t{1} << 30, std::filesystem::temp_directory_path()),
      model(round::GlobalModel::Initial(world.network, experiment.seed)),
      rounds(experiment, world, workers, store) {
  experiment.method->Start(
      static_cast<std::size_t>(world.network.num_parameters()));
  round::StartAttack(experiment, world);
}

round::RunResult RunSmall(const std::filesystem::path& folder,
                          const std::vector<std::string>& overrides,
                          const std::filesystem::path& resume) {
  std::vector<std::string> all = overrides;
  all.push_back("output.dir=" + folder.string());
  config::Document document = SmallDocument(all);
  round::Experiment experiment = round::Experiment::Read(document.Root());
  document.Finish();
  round::RunRequest request;
  request.resolved_config = document.ResolvedYaml();
  request.config_hash = document.Hash();
  request.overrides = all;
  request.command_line = {"test"};
  request.progress = record::ProgressMode::kNone;
  request.quiet = true;
  if (!resume.empty()) request.resume = resume;
  return round::Execute(experiment, request);
}

}  // namespace fedtorch::support
