#pragma once

#include <optional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds one field of a heat map.
struct HeatField {
  std::optional<double> value;  ///< nullopt: missing
  std::string note;             ///< small print below the value
  std::string warning;          ///< a second line of it
};

/// Holds a table that is shown in colours.
struct HeatTable {
  std::string title;        ///< for people who cannot see it
  std::string column_head;  ///< above the columns, e.g. "attack"
  std::vector<std::string> columns;
  std::vector<std::string> rows;
  std::vector<std::vector<HeatField>> fields;  ///< [rows][columns]
  /// One more column, set apart: the worst of each row; empty = none.
  std::vector<HeatField> worst;
  std::optional<std::size_t> best_row;  ///< framed in the worst column
};

/// Says which values the colours span; `reversed` where less is better.
struct HeatScale {
  double low = 0.0;
  double high = 1.0;
  bool reversed = false;
};

/// Draws a heat map as SVG. Dark is good.
std::string DrawHeatMap(const HeatTable& table, const HeatScale& scale);

/// Returns the colour of a value as #rrggbb, and the colour of text on it.
std::string HeatColor(double value, const HeatScale& scale);
std::string HeatTextColor(double value, const HeatScale& scale);

}  // namespace fedtorch::study
