#include "fedtorch/attack/perturbation.h"

#include <string>
#include <utility>

namespace fedtorch::attack {

Perturbation Perturbation::Read(config::Section& section) {
  const std::string direction =
      section.Choice({.name = "direction",
                      .help = "Where it leaves the mean: against its unit "
                              "vector, its signs, or the deviations."},
                     {"unit", "sign", "std"},
                     "std");
  const Form form = direction == "unit"   ? Form::kUnit
                    : direction == "sign" ? Form::kSign
                                          : Form::kDeviation;
  return {form, ReadDdof(section)};
}

std::vector<double> Perturbation::Line::At(double gamma) const {
  std::vector<double> vector = mean;
  for (std::size_t k = 0; k < vector.size(); ++k) {
    vector[k] += gamma * direction[k];
  }
  return vector;
}

Perturbation::Line Perturbation::Of(const aggregate::UpdateTable& known) const {
  Line line;
  if (form_ == Form::kDeviation) {
    Statistics statistics = StatisticsOf(known, ddof_);
    line.mean = std::move(statistics.mean);
    line.direction = std::move(statistics.std);
    for (double& value : line.direction) value = -value;
    return line;
  }
  line.mean = MeanOf(known);
  line.direction = line.mean;
  const double norm = NormOf(line.mean);
  for (double& value : line.direction) {
    if (form_ == Form::kSign) {
      value = value > 0.0 ? -1.0 : value < 0.0 ? 1.0 : 0.0;
    } else if (norm > 0.0) {
      value = -value / norm;
    }
  }
  return line;
}

}  // namespace fedtorch::attack
