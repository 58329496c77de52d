#include "fedtorch/round/time_shares.h"

#include <algorithm>

namespace fedtorch::round {

TimeShares SharesOf(const RoundReport& report,
                    double evaluate_seconds,
                    double record_seconds,
                    double wall_seconds) {
  const double all = wall_seconds * static_cast<double>(report.num_workers);
  const WorkerSeconds& workers = report.worker_seconds;
  TimeShares shares;
  shares.select = report.select_seconds / wall_seconds;
  shares.batches = workers.batches / all;
  shares.training = workers.steps / all;
  shares.hand_off = workers.hand_off / all;
  shares.exact_sum = workers.exact_sum / all;
  shares.aggregate = report.aggregate_seconds / wall_seconds;
  shares.server = report.server_seconds / wall_seconds;
  shares.evaluate = evaluate_seconds / wall_seconds;
  shares.record = record_seconds / wall_seconds;
  const double known = shares.select + shares.batches + shares.training +
                       shares.hand_off + shares.exact_sum + shares.aggregate +
                       shares.server + shares.evaluate + shares.record;
  // Rounding may leave less than nothing.
  shares.waiting = std::max(0.0, 1.0 - known);
  return shares;
}

}  // namespace fedtorch::round
