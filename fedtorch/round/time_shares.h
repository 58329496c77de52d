#pragma once

#include "fedtorch/round/sync_round.h"

namespace fedtorch::round {

/// Says where the time of one round went: shares of wall time * workers, each
/// in [0, 1], together 1. What one thread does alone counts for all workers,
/// who have nothing else to do meanwhile.
struct TimeShares {
  double select = 0.0;     ///< drawing the cohort and its weights
  double batches = 0.0;    ///< gathering and normalising samples
  double training = 0.0;   ///< steps and full gradients of the engine
  double hand_off = 0.0;   ///< the model to a client, its update back, checks
  double exact_sum = 0.0;  ///< adding or storing admitted updates
  double waiting = 0.0;    ///< for the last client of a round, and the rest
  double aggregate = 0.0;  ///< merging the workers' sums, or the rule
  double server = 0.0;     ///< the server's half of the method
  double evaluate = 0.0;
  double record = 0.0;  ///< writing the lines of the round
};

/// Shares of the round of `report` in `wall_seconds` > 0, of which
/// `evaluate_seconds` and `record_seconds` were spent outside of SyncRound.
TimeShares SharesOf(const RoundReport& report,
                    double evaluate_seconds,
                    double record_seconds,
                    double wall_seconds);

}  // namespace fedtorch::round
