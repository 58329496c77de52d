#pragma once

#include "fedtorch/study/report_model.h"

#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds one line of a picture of curves.
struct NamedCurve {
  std::string name;
  Curve curve;
  std::size_t style = 0;  ///< colour and dashes; equal for equal rows
};

/// Holds a picture of curves over rounds.
struct CurveTable {
  std::string title;
  std::string y_label;
  std::vector<NamedCurve> curves;
  double low = 0.0;  ///< ends of the vertical axis, before rounding
  double high = 1.0;
};

/// Draws means as lines, with a band of one deviation to each side, as SVG.
std::string DrawCurves(const CurveTable& table);

/// Returns evenly spaced round numbers that cover [low, high]: a step of 1, 2
/// or 5 times a power of ten, about `count` of them.
std::vector<double> NiceTicks(double low, double high, int count);

}  // namespace fedtorch::study
