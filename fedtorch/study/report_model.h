#pragma once

#include "fedtorch/study/statistics.h"
#include "fedtorch/study/sweep_file.h"
#include "fedtorch/study/trial_label.h"
#include "fedtorch/study/trial_run.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::study {

/// Holds one metric over rounds, in their order.
using Course = std::vector<std::pair<std::int64_t, double>>;

/// Holds what a report needs of a trial.
struct ReportTrial {
  TrialStatus status;
  Course test;        ///< of the report's metric
  Course validation;  ///< of its counterpart on validation data; may be empty

  /// The last evaluation; nullopt unless the trial is done.
  std::optional<double> Final() const;
  /// The test value of the round in which validation was best, the first of
  /// equals; nullopt without validation.
  std::optional<double> AtValidation(bool higher_is_better) const;
  std::optional<double> FinalValidation() const;
};

/// Returns the name of the counterpart on validation data: validation/accuracy
/// of test/accuracy; "" where there is none.
std::string ValidationMetric(const std::string& metric);
/// Tells whether more of a metric is better; not so for losses.
bool HigherIsBetter(const std::string& metric);

/// Reads the courses of all trials in the sweep's order.
std::vector<ReportTrial> ReadReportTrials(
    const std::filesystem::path& directory,
    const FrozenSweep& sweep,
    const std::string& metric);

/// Holds a metric over rounds: mean and deviation over seeds.
struct Curve {
  struct Point {
    std::int64_t round = 0;
    double mean = 0.0;
    double deviation = 0.0;  ///< 0 for one seed
  };
  std::vector<Point> points;  ///< rounds that all finished trials have
};

/// Holds the trials that differ in seeds only.
struct ReportCell {
  std::vector<std::size_t> trials;  ///< indices into the sweep
  std::size_t done = 0;
  std::size_t diverged = 0;
  std::size_t failed = 0;
  Spread final;          ///< over the finished trials; count 0 = none
  Spread at_validation;  ///< count 0 = no validation data
  Curve curve;

  bool has_value() const { return final.count > 0; }
};

/// Holds one row of a table: a defence, or a setting where there is none.
struct ReportRow {
  std::string label;
  /// Hyper-parameters that validation chose; "" when there was no choice.
  std::string chosen;
  std::vector<ReportCell> cells;  ///< one for each attack of the report
  /// The attack with the worst mean; nullopt when a cell has no value.
  std::optional<std::size_t> worst;
};

/// Holds the rows of one heterogeneity and one number of attackers.
struct ReportPanel {
  std::string heterogeneity;
  std::string byzantine;
  std::vector<ReportRow> rows;

  std::string Title() const;  ///< "" when the sweep has one panel only
};

/// How hyper-parameters were chosen.
enum class Selection {
  kNone,        ///< there is nothing to choose
  kValidation,  ///< by validation data
  kRefused,     ///< only test data: every setting is a row of its own
};

/// Holds what a report says, before it is drawn.
struct Report {
  std::string name;
  std::string metric;
  bool higher_is_better = true;
  bool has_attacks = false;
  bool has_defences = false;
  Selection selection = Selection::kNone;
  std::vector<std::string> attacks;  ///< one "" without an axis of attacks
  std::vector<ReportPanel> panels;
  std::size_t seeds = 1;  ///< most trials of a cell
};

/// Groups trials into panels, rows and cells.
///
/// With an axis of hyper-parameters and validation data in every finished
/// trial, a row shows the setting with the best (over settings) worst (over
/// attacks) seed mean of the last validation value, the first of equals; a
/// setting in which an attack has no finished trial is passed over. Test data
/// never choose.
/// Source: Guerraoui et al., Byzantine Machine Learning: A Primer, 2024; the
/// protocol of the ByzFL benchmark.
Report BuildReport(const FrozenSweep& sweep,
                   const std::vector<ReportTrial>& trials,
                   const std::string& metric);

}  // namespace fedtorch::study
