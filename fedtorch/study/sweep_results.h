#pragma once

#include "fedtorch/study/statistics.h"
#include "fedtorch/study/sweep_file.h"
#include "fedtorch/study/trial_run.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::study {

/// Holds one numeric member of summary.json.
struct SummaryValue {
  std::string name;
  std::string text;  ///< as the file has it
  double value = 0.0;
};

/// Holds how a trial ended.
struct TrialResult {
  TrialStatus status;
  std::vector<SummaryValue> summary;  ///< of a finished trial

  std::optional<double> Find(std::string_view name) const;
};

/// Reads status.json and summary.json of every trial, in the sweep's order. A
/// trial whose summary cannot be read counts as failed.
std::vector<TrialResult> ReadResults(const std::filesystem::path& directory,
                                     const FrozenSweep& sweep);

/// Formats results.csv: one row a trial with its number, id, a column for each
/// axis, seed, state, reason, then every numeric member of the summaries. Holds
/// no times, so that equal results give equal bytes.
std::string ResultsCsv(const FrozenSweep& sweep,
                       const std::vector<TrialResult>& results);

/// Quotes a cell of a CSV file where needed (RFC 4180).
std::string CsvCell(const std::string& text);

/// Holds the trials that differ in seeds only.
struct SweepCell {
  std::vector<std::string> values;  ///< one for each axis that is no seed
  std::vector<std::size_t> trials;  ///< indices into the sweep
};

/// Returns the axes that are no seeds, as indices.
std::vector<std::size_t> SettingAxes(const FrozenSweep& sweep);
/// Groups trials by all axes but the seeds, in order of first appearance.
std::vector<SweepCell> GroupBySetting(const FrozenSweep& sweep);

/// Formats the table for the terminal: one line a setting, the mean over its
/// seeds of the last test metric.
std::string SweepTable(const FrozenSweep& sweep,
                       const std::vector<TrialResult>& results);

}  // namespace fedtorch::study
