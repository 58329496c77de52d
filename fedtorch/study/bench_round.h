#pragma once

#include "fedtorch/round/time_shares.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Reports whole rounds of a standard job.
struct RoundTime {
  std::string job;
  std::int64_t workers = 0;
  std::int64_t rounds = 0;           ///< measured, without those to warm up
  std::int64_t steps_per_round = 0;  ///< of all clients together
  double seconds_per_round = 0.0;    ///< median, wall time
  double client_steps_per_s = 0.0;
  double clients_per_s = 0.0;
  /// Most memory the process held since these rounds began, 10^6 bytes; where
  /// the system keeps no such count, since the process began.
  double peak_rss_mb = 0.0;
  round::TimeShares shares;  ///< of the median round
};

/// Names the standard jobs, cheapest first.
std::vector<std::string> RoundJobs();

/// Runs FedAvg rounds of a job (performance 7.3) on generated images of the
/// right shape: 1000 clients, batch 10, one epoch, no evaluation. The first
/// two rounds are dropped; then at least five are measured, and more for some
/// seconds. `done` is called after each number of workers.
/// Requires: `job` is one of RoundJobs(), every count >= 1. Throws: Bug for
/// other names. Cost: for each count 3 s, with large models more.
void MeasureRounds(const std::string& job,
                   const std::vector<std::int64_t>& worker_counts,
                   const std::function<void(const RoundTime&)>& done);

}  // namespace fedtorch::study
