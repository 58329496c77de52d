#pragma once

#include "fedtorch/config/document.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/round/global_model.h"
#include "fedtorch/round/run.h"
#include "fedtorch/round/sync_round.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::support {

/// Owns a folder for one test, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Returns the text of a file.
std::string ReadFile(const std::filesystem::path& path);

/// Returns a small config that trains in well under a second: 12 clients,
/// 4 a round, a logistic model on 600 generated images of 4 classes.
/// `overrides` are `key=value` as on the command line.
config::Document SmallDocument(const std::vector<std::string>& overrides);

/// Reads an experiment; throws ConfigError like the program.
round::Experiment SmallExperiment(const std::vector<std::string>& overrides);

/// Holds a federation that rounds can be run on one by one.
struct Federation {
  round::Experiment experiment;
  round::World world;
  round::Workers workers;
  client::StateStore store;
  round::GlobalModel model;
  round::SyncRound rounds;

  explicit Federation(const std::vector<std::string>& overrides);
};

/// Runs a small experiment in `folder`; returns what the program would.
round::RunResult RunSmall(const std::filesystem::path& folder,
                          const std::vector<std::string>& overrides,
                          const std::filesystem::path& resume = {});

}  // namespace fedtorch::support
