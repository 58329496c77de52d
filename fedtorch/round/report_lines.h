#pragma once

#include "fedtorch/core/json_line.h"
#include "fedtorch/record/client_table.h"
#include "fedtorch/round/evaluation.h"
#include "fedtorch/round/sync_round.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::round {

/// The columns of clients.csv after LEAF's own.
const std::vector<std::string>& ClientColumns();

/// Formats a line of metrics.jsonl: deterministic fields only. `report` is
/// absent for the line before the first round, `evaluation` when none is due.
core::JsonLine MetricsLine(const RoundReport* report,
                           const EvaluationReport* evaluation);
/// Formats a line of timing.jsonl: what depends on the host.
core::JsonLine TimingLine(std::int64_t round,
                          const RoundReport& report,
                          double evaluate_seconds,
                          double record_seconds,
                          double wall_seconds);
/// Rows of one round's cohort (`output.per_client: all`), set "update".
std::vector<record::ClientRow> UpdateRows(const RoundReport& report);
/// Rows of one evaluation on clients.
std::vector<record::ClientRow> ScoreRows(std::int64_t round,
                                         const EvaluationReport& evaluation);

/// Formats summary.json from metrics.jsonl: last, best, mean of the last ten
/// evaluations and mean over all of them for every test metric, rounds to
/// `target_accuracy`, bytes in total, and the hash of the final model.
core::JsonLine SummaryLine(const std::filesystem::path& metrics,
                           std::optional<double> target_accuracy,
                           const std::string& model_hash);

}  // namespace fedtorch::round
