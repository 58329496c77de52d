#include "fedtorch/study/sweep_results.h"

#include "fedtorch/study/axis_label.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <sstream>

namespace fedtorch::study {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// The first that the trials have is shown in the table.
constexpr std::string_view kShownMetrics[] = {
    "test/accuracy/last",
    "clients/test/accuracy/weighted_mean/last",
    "test/auc/last",
    "test/perplexity/last",
    "test/loss/last"};

TrialResult ReadResult(const fs::path& folder) {
  TrialResult result;
  result.status = ReadTrialStatus(folder);
  if (result.status.state != TrialState::kDone) return result;
  std::ifstream file(folder / "summary.json");
  const Json summary = Json::parse(file, nullptr, false);
  if (!summary.is_object()) {
    result.status = {TrialState::kFailed, "summary.json cannot be read"};
    return result;
  }
  for (const auto& [name, value] : summary.items()) {
    if (!value.is_number()) continue;
    result.summary.push_back({name, value.dump(), value.get<double>()});
  }
  return result;
}

std::string Fixed(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(4) << value;
  return text.str();
}

void AppendRow(const std::vector<std::string>& cells,
               const std::vector<std::size_t>& widths,
               std::string* text) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size()) {
      line += std::string(widths[i] - cells[i].size() + 2, ' ');
    }
  }
  *text += line + "\n";
}

}  // namespace

std::optional<double> TrialResult::Find(std::string_view name) const {
  for (const SummaryValue& value : summary) {
    if (value.name == name) return value.value;
  }
  return std::nullopt;
}

std::vector<TrialResult> ReadResults(const fs::path& directory,
                                     const FrozenSweep& sweep) {
  std::vector<TrialResult> results;
  for (const FrozenTrial& trial : sweep.trials) {
    results.push_back(ReadResult(TrialFolder(directory, trial.id)));
  }
  return results;
}

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string ResultsCsv(const FrozenSweep& sweep,
                       const std::vector<TrialResult>& results) {
  std::vector<std::string> names;
  for (const TrialResult& result : results) {
    for (const SummaryValue& value : result.summary) {
      if (std::find(names.begin(), names.end(), value.name) == names.end()) {
        names.push_back(value.name);
      }
    }
  }
  // The order of first appearance would depend on which trials have finished.
  std::sort(names.begin(), names.end());
  // The seed has a column of its own also where it is no axis.
  const bool has_seed_axis =
      std::find(sweep.axes.begin(), sweep.axes.end(), kSeedKey) !=
      sweep.axes.end();
  std::string text = "trial,id";
  for (const std::string& axis : sweep.axes) text += "," + CsvCell(axis);
  if (!has_seed_axis) text += ",seed";
  text += ",state,reason";
  for (const std::string& name : names) text += "," + CsvCell(name);
  text += "\n";
  for (std::size_t i = 0; i < sweep.trials.size(); ++i) {
    const FrozenTrial& trial = sweep.trials[i];
    text += std::to_string(i) + "," + trial.id;
    for (const std::string& value : trial.values) text += "," + CsvCell(value);
    if (!has_seed_axis) text += "," + std::to_string(trial.seed);
    text += "," + std::string(ToText(results[i].status.state)) + "," +
            CsvCell(results[i].status.message);
    for (const std::string& name : names) {
      text += ",";
      for (const SummaryValue& value : results[i].summary) {
        if (value.name == name) text += value.text;
      }
    }
    text += "\n";
  }
  return text;
}

std::vector<std::size_t> SettingAxes(const FrozenSweep& sweep) {
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < sweep.axes.size(); ++i) {
    if (sweep.axes[i] != kSeedKey && sweep.axes[i] != kDataSeedKey) {
      axes.push_back(i);
    }
  }
  return axes;
}

std::vector<SweepCell> GroupBySetting(const FrozenSweep& sweep) {
  const std::vector<std::size_t> axes = SettingAxes(sweep);
  std::vector<SweepCell> cells;
  for (std::size_t i = 0; i < sweep.trials.size(); ++i) {
    std::vector<std::string> values;
    for (const std::size_t axis : axes) {
      values.push_back(sweep.trials[i].values[axis]);
    }
    auto cell =
        std::find_if(cells.begin(), cells.end(), [&](const SweepCell& other) {
          return other.values == values;
        });
    if (cell == cells.end()) {
      cells.push_back({values, {}});
      cell = cells.end() - 1;
    }
    cell->trials.push_back(i);
  }
  return cells;
}

std::string SweepTable(const FrozenSweep& sweep,
                       const std::vector<TrialResult>& results) {
  std::string metric;
  for (const std::string_view name : kShownMetrics) {
    const bool known = std::any_of(
        results.begin(), results.end(), [&](const TrialResult& result) {
          return result.Find(name).has_value();
        });
    if (known && metric.empty()) metric = name;
  }
  std::vector<std::vector<std::string>> rows(1);
  for (const std::size_t axis : SettingAxes(sweep)) {
    rows.front().push_back(sweep.axes[axis]);
  }
  rows.front().insert(rows.front().end(),
                      {"done", metric.empty() ? "metric" : metric, "+-"});
  for (const SweepCell& cell : GroupBySetting(sweep)) {
    std::vector<std::string> row;
    for (const std::string& value : cell.values) {
      row.push_back(ValueLabel(value));
    }
    std::vector<double> values;
    std::size_t done = 0;
    for (const std::size_t trial : cell.trials) {
      if (results[trial].status.state == TrialState::kDone) ++done;
      if (const auto value = results[trial].Find(metric)) {
        values.push_back(*value);
      }
    }
    const Spread spread = Describe(values);
    row.push_back(std::to_string(done) + "/" +
                  std::to_string(cell.trials.size()));
    row.push_back(values.empty() ? "-" : Fixed(spread.mean));
    row.push_back(values.size() < 2 ? "-" : Fixed(spread.deviation));
    rows.push_back(std::move(row));
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) AppendRow(row, widths, &text);
  return text;
}

}  // namespace fedtorch::study
