#include "fedtorch/study/report.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/study/report_page.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <set>
#include <system_error>

namespace fedtorch::study {
namespace {

namespace fs = std::filesystem;

// Names the evaluated metrics of the finished trials.
std::vector<std::string> KnownMetrics(const fs::path& directory,
                                      const FrozenSweep& sweep) {
  std::set<std::string> names;
  for (const FrozenTrial& trial : sweep.trials) {
    const fs::path folder = TrialFolder(directory, trial.id);
    if (ReadTrialStatus(folder).state != TrialState::kDone) continue;
    std::ifstream file(folder / "metrics.jsonl");
    std::string line;
    while (std::getline(file, line)) {
      const auto json = nlohmann::json::parse(line, nullptr, false);
      if (!json.is_object()) continue;
      for (const auto& [name, value] : json.items()) {
        const bool is_metric = name.starts_with("test/") ||
                               name.starts_with("validation/") ||
                               name.starts_with("clients/");
        if (is_metric && value.is_number()) names.insert(name);
      }
    }
  }
  return {names.begin(), names.end()};
}

[[noreturn]] void RefuseMetric(const ReportRequest& request,
                               const FrozenSweep& sweep) {
  const std::vector<std::string> known = KnownMetrics(request.directory, sweep);
  if (known.empty()) {
    throw core::ConfigError("report: no trial of " +
                            request.directory.string() +
                            " has finished with an evaluation yet");
  }
  std::string list;
  for (const std::string& name : known) list += " " + name;
  const std::string near = config::Suggest(request.metric, known);
  throw core::ConfigError(
      "report: no finished trial has the metric '" + request.metric + "'" +
      (near.empty() ? "" : "; did you mean '" + near + "'?") +
      "; known metrics:" + list);
}

// Pictures of an earlier report would be taken for this one's.
void RemovePictures(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const std::string ending = entry.path().extension().string();
    const bool is_ours = name.starts_with("heat_map_") ||
                         name.starts_with("attackers_") ||
                         name.starts_with("curves_");
    if (is_ours && (ending == ".svg" || ending == ".csv")) {
      old.push_back(entry.path());
    }
  }
  for (const fs::path& path : old) fs::remove(path, error);
}

void WritePictures(const fs::path& folder, const ReportFigures& figures) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) core::ThrowFileError(folder, "cannot be created", error.value());
  RemovePictures(folder);
  for (const auto* list :
       {&figures.heat, &figures.byzantine, &figures.curves}) {
    for (const Figure& figure : *list) {
      core::WriteFileAtomically(folder / (figure.stem + ".svg"), figure.svg);
      core::WriteFileAtomically(folder / (figure.stem + ".csv"), figure.csv);
    }
  }
}

}  // namespace

WrittenReport WriteReport(const ReportRequest& request) {
  const FrozenSweep sweep = ReadSweep(request.directory);
  const std::vector<ReportTrial> trials =
      ReadReportTrials(request.directory, sweep, request.metric);
  const bool has_metric =
      std::any_of(trials.begin(), trials.end(), [](const ReportTrial& trial) {
        return !trial.test.empty();
      });
  if (!has_metric) RefuseMetric(request, sweep);
  const Report report = BuildReport(sweep, trials, request.metric);
  const ReportFigures figures{
      HeatFigures(report), ByzantineFigures(report), CurveFigures(report)};
  std::optional<Provenance> provenance;
  if (request.provenance) {
    provenance = ReadProvenance(request.directory, sweep);
  }
  WrittenReport written;
  written.page = request.page;
  written.folder = request.page;
  written.folder.replace_extension();
  if (written.folder == written.page) written.folder += ".pictures";
  written.trials = trials.size();
  written.finished = static_cast<std::size_t>(
      std::count_if(trials.begin(), trials.end(), [](const ReportTrial& trial) {
        return trial.status.state == TrialState::kDone;
      }));
  WritePictures(written.folder, figures);
  core::WriteFileAtomically(
      request.page, ReportPage(report, sweep, trials, figures, provenance));
  return written;
}

}  // namespace fedtorch::study
