#pragma once

#include "fedtorch/study/provenance.h"
#include "fedtorch/study/report_model.h"
#include "fedtorch/study/report_pictures.h"

#include <optional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds the pictures of a page in their sections.
struct ReportFigures {
  std::vector<Figure> heat;
  std::vector<Figure> byzantine;
  std::vector<Figure> curves;
};

/// Formats a report as one HTML page that needs no other file and no network.
/// Without provenance it holds nothing but what configs and seeds determine.
std::string ReportPage(const Report& report,
                       const FrozenSweep& sweep,
                       const std::vector<ReportTrial>& trials,
                       const ReportFigures& figures,
                       const std::optional<Provenance>& provenance);

}  // namespace fedtorch::study
