#include "fedtorch/study/report_model.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>

namespace fedtorch::study {
namespace {

namespace fs = std::filesystem;

// Returns the index of a label, which is added when new.
std::size_t IndexOf(const std::string& label,
                    std::vector<std::string>* labels) {
  const auto found = std::find(labels->begin(), labels->end(), label);
  if (found != labels->end()) {
    return static_cast<std::size_t>(found - labels->begin());
  }
  labels->push_back(label);
  return labels->size() - 1;
}

std::optional<double> ValueAt(const Course& course, std::int64_t round) {
  for (const auto& [at, value] : course) {
    if (at == round) return value;
  }
  return std::nullopt;
}

Curve CurveOf(const std::vector<const ReportTrial*>& trials) {
  Curve curve;
  if (trials.empty()) return curve;
  for (const auto& [round, ignored] : trials.front()->test) {
    std::vector<double> values;
    for (const ReportTrial* trial : trials) {
      if (const auto value = ValueAt(trial->test, round)) {
        values.push_back(*value);
      }
    }
    if (values.size() != trials.size()) continue;
    const Spread spread = Describe(values);
    curve.points.push_back({round, spread.mean, spread.deviation});
  }
  return curve;
}

ReportCell CellOf(const std::vector<std::size_t>& indices,
                  const std::vector<ReportTrial>& trials,
                  bool higher_is_better) {
  ReportCell cell;
  cell.trials = indices;
  std::vector<double> finals;
  std::vector<double> chosen;
  std::vector<const ReportTrial*> done;
  for (const std::size_t index : indices) {
    const ReportTrial& trial = trials[index];
    if (trial.status.state == TrialState::kDiverged) ++cell.diverged;
    if (trial.status.state == TrialState::kFailed) ++cell.failed;
    if (trial.status.state != TrialState::kDone) continue;
    ++cell.done;
    if (const auto value = trial.Final()) {
      finals.push_back(*value);
      done.push_back(&trial);
    }
    if (const auto value = trial.AtValidation(higher_is_better)) {
      chosen.push_back(*value);
    }
  }
  cell.final = Describe(finals);
  cell.at_validation = Describe(chosen);
  cell.curve = CurveOf(done);
  return cell;
}

std::optional<std::size_t> WorstOf(const std::vector<ReportCell>& cells,
                                   bool higher_is_better) {
  std::optional<std::size_t> worst;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].has_value()) return std::nullopt;
    if (!worst ||
        (higher_is_better ? cells[i].final.mean < cells[*worst].final.mean
                          : cells[i].final.mean > cells[*worst].final.mean)) {
      worst = i;
    }
  }
  return worst;
}

// The trials of one row and one setting, by attack.
struct Candidate {
  std::string setting;
  std::vector<std::vector<std::size_t>> by_attack;
};

// The worst seed mean of the last validation value over the attacks.
std::optional<double> Score(const Candidate& candidate,
                            const std::vector<ReportTrial>& trials,
                            bool higher_is_better) {
  std::optional<double> worst;
  for (const auto& indices : candidate.by_attack) {
    std::vector<double> values;
    for (const std::size_t index : indices) {
      if (const auto value = trials[index].FinalValidation()) {
        values.push_back(*value);
      }
    }
    if (values.empty()) return std::nullopt;
    const double mean = Describe(values).mean;
    if (!worst || (higher_is_better ? mean < *worst : mean > *worst)) {
      worst = mean;
    }
  }
  return worst;
}

ReportRow RowOf(std::string label,
                const Candidate& candidate,
                const std::vector<ReportTrial>& trials,
                const Report& report) {
  ReportRow row;
  row.label = std::move(label);
  for (const auto& indices : candidate.by_attack) {
    row.cells.push_back(CellOf(indices, trials, report.higher_is_better));
  }
  row.worst = WorstOf(row.cells, report.higher_is_better);
  return row;
}

std::string Joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + ", " + b;
}

void AddRows(const std::string& label,
             const std::vector<Candidate>& candidates,
             const std::vector<ReportTrial>& trials,
             const Report& report,
             ReportPanel* panel) {
  if (report.selection != Selection::kValidation) {
    for (const Candidate& candidate : candidates) {
      panel->rows.push_back(
          RowOf(Joined(label, candidate.setting), candidate, trials, report));
    }
    return;
  }
  const Candidate* best = nullptr;
  double best_score = 0.0;
  for (const Candidate& candidate : candidates) {
    const auto score = Score(candidate, trials, report.higher_is_better);
    if (!score) continue;
    if (best == nullptr ||
        (report.higher_is_better ? *score > best_score : *score < best_score)) {
      best = &candidate;
      best_score = *score;
    }
  }
  if (best != nullptr) {
    panel->rows.push_back(RowOf(label, *best, trials, report));
    panel->rows.back().chosen = best->setting;
    return;
  }
  // No setting is complete yet: the row stands there without values.
  Candidate none;
  none.by_attack.resize(report.attacks.size());
  panel->rows.push_back(RowOf(label, none, trials, report));
}

Selection ChooseSelection(const SweepRoles& roles,
                          const std::vector<ReportTrial>& trials) {
  if (!roles.setting) return Selection::kNone;
  bool any = false;
  for (const ReportTrial& trial : trials) {
    if (trial.status.state != TrialState::kDone) continue;
    any = true;
    if (trial.validation.empty()) return Selection::kRefused;
  }
  return any ? Selection::kValidation : Selection::kRefused;
}

void DropIfConstant(std::string TrialLabel::*role,
                    std::vector<TrialLabel>* labels) {
  for (const TrialLabel& label : *labels) {
    if (label.*role != labels->front().*role) return;
  }
  for (TrialLabel& label : *labels) (label.*role).clear();
}

}  // namespace

std::optional<double> ReportTrial::Final() const {
  if (status.state != TrialState::kDone || test.empty()) return std::nullopt;
  return test.back().second;
}

std::optional<double> ReportTrial::FinalValidation() const {
  if (status.state != TrialState::kDone || validation.empty()) {
    return std::nullopt;
  }
  return validation.back().second;
}

std::optional<double> ReportTrial::AtValidation(bool higher_is_better) const {
  if (status.state != TrialState::kDone || validation.empty()) {
    return std::nullopt;
  }
  const auto* best = &validation.front();
  for (const auto& point : validation) {
    if (higher_is_better ? point.second > best->second
                         : point.second < best->second) {
      best = &point;
    }
  }
  return ValueAt(test, best->first);
}

std::string ValidationMetric(const std::string& metric) {
  constexpr std::string_view kTest = "test/";
  if (!metric.starts_with(kTest)) return "";
  return "validation/" + metric.substr(kTest.size());
}

bool HigherIsBetter(const std::string& metric) {
  return metric.find("loss") == std::string::npos &&
         metric.find("perplexity") == std::string::npos;
}

std::vector<ReportTrial> ReadReportTrials(const fs::path& directory,
                                          const FrozenSweep& sweep,
                                          const std::string& metric) {
  const std::string validation = ValidationMetric(metric);
  std::vector<ReportTrial> trials;
  for (const FrozenTrial& frozen : sweep.trials) {
    const fs::path folder = TrialFolder(directory, frozen.id);
    ReportTrial trial;
    trial.status = ReadTrialStatus(folder);
    if (trial.status.state == TrialState::kDone) {
      std::ifstream file(folder / "metrics.jsonl");
      std::string line;
      while (std::getline(file, line)) {
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (!json.is_object() || !json.contains("round")) continue;
        const auto append = [&json](const std::string& name, Course* course) {
          const auto value = json.find(name);
          if (value == json.end() || !value->is_number()) return;
          course->emplace_back(json.at("round").get<std::int64_t>(),
                               value->get<double>());
        };
        append(metric, &trial.test);
        if (!validation.empty()) append(validation, &trial.validation);
      }
    }
    trials.push_back(std::move(trial));
  }
  return trials;
}

std::string ReportPanel::Title() const {
  return Joined(heterogeneity, byzantine);
}

Report BuildReport(const FrozenSweep& sweep,
                   const std::vector<ReportTrial>& trials,
                   const std::string& metric) {
  const SweepRoles roles = RolesOf(sweep);
  Report report;
  report.name = sweep.name;
  report.metric = metric;
  report.higher_is_better = HigherIsBetter(metric);
  report.has_attacks = roles.attack;
  report.has_defences = roles.defence;
  report.selection = ChooseSelection(roles, trials);
  std::vector<TrialLabel> labels = LabelTrials(sweep);
  // Without attack and defence there is nothing to put into rows but the rest.
  if (!roles.attack && !roles.defence) {
    for (TrialLabel& label : labels) {
      label.defence = Joined(label.heterogeneity, label.byzantine);
      label.heterogeneity.clear();
      label.byzantine.clear();
    }
  }
  // What all trials have in common tells no panels apart.
  DropIfConstant(&TrialLabel::heterogeneity, &labels);
  DropIfConstant(&TrialLabel::byzantine, &labels);
  for (const TrialLabel& label : labels) {
    IndexOf(label.attack, &report.attacks);
  }
  if (report.attacks.empty()) report.attacks.emplace_back();

  // Everything in order of first appearance.
  std::vector<std::string> panel_keys;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::vector<std::vector<Candidate>>> candidates;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const TrialLabel& label = labels[i];
    const std::size_t panel =
        IndexOf(label.heterogeneity + "\n" + label.byzantine, &panel_keys);
    if (panel == report.panels.size()) {
      report.panels.push_back({label.heterogeneity, label.byzantine, {}});
      rows.emplace_back();
      candidates.emplace_back();
    }
    const std::size_t row = IndexOf(label.defence, &rows[panel]);
    if (row == candidates[panel].size()) candidates[panel].emplace_back();
    std::vector<Candidate>& settings = candidates[panel][row];
    auto candidate = std::find_if(
        settings.begin(), settings.end(), [&](const Candidate& other) {
          return other.setting == label.setting;
        });
    if (candidate == settings.end()) {
      settings.push_back({label.setting, {}});
      candidate = settings.end() - 1;
      candidate->by_attack.resize(report.attacks.size());
    }
    auto& indices =
        candidate->by_attack[IndexOf(label.attack, &report.attacks)];
    indices.push_back(i);
    report.seeds = std::max(report.seeds, indices.size());
  }
  for (std::size_t panel = 0; panel < report.panels.size(); ++panel) {
    for (std::size_t row = 0; row < rows[panel].size(); ++row) {
      AddRows(rows[panel][row],
              candidates[panel][row],
              trials,
              report,
              &report.panels[panel]);
    }
  }
  return report;
}

}  // namespace fedtorch::study
