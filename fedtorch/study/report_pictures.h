#pragma once

#include "fedtorch/study/report_model.h"

#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds one picture of a report and the numbers in it.
struct Figure {
  std::string stem;     ///< of its files: heat_map_1
  std::string caption;  ///< plain text
  std::string svg;
  std::string csv;
};

/// Draws what rows reach under attacks: one heat map a panel; without attacks
/// one whose columns are the panels. Empty without defences and attacks.
std::vector<Figure> HeatFigures(const Report& report);

/// Draws, for each row, the worst case over numbers of attackers and
/// heterogeneity. Empty unless the sweep has several numbers of attackers.
std::vector<Figure> ByzantineFigures(const Report& report);

/// Draws the courses over rounds: one picture for each panel and attack, or
/// more where there are over ten rows. All have one vertical axis.
std::vector<Figure> CurveFigures(const Report& report);

/// Says what is amiss with a cell: "2 of 3", "1 diverged"; "" when complete.
std::string CellNote(const ReportCell& cell);

/// Returns the index of the row with the best worst case, the first of equals;
/// nullopt when no row is complete.
std::optional<std::size_t> BestRow(const Report& report,
                                   const ReportPanel& panel);

}  // namespace fedtorch::study
