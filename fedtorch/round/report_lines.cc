#include "fedtorch/round/report_lines.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/round/time_shares.h"

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>

namespace fedtorch::round {
namespace {

constexpr double kMegabyte = 1e6;

double ResidentMegabytes() {
  std::ifstream file("/proc/self/statm");
  double total = 0.0;
  double resident = 0.0;
  file >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / kMegabyte;
}

double PeakMegabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0 / kMegabyte;
}

double MeanNorm(const RoundReport& report) {
  double sum = 0.0;
  std::int64_t count = 0;
  for (const ClientRecord& record : report.clients) {
    if (record.dropped || !record.rejected.empty()) continue;
    sum += record.delta_norm;
    ++count;
  }
  return sum / static_cast<double>(count);
}

// 1 / sum w^2 for weights that sum to 1: the number of equal clients that
// would average as well.
double EffectiveClients(const RoundReport& report) {
  double sum = 0.0;
  double squares = 0.0;
  for (const ClientRecord& record : report.clients) {
    sum += record.weight;
    squares += record.weight * record.weight;
  }
  return sum * sum / squares;
}

// Follows one metric over the evaluations.
struct Course {
  std::vector<double> values;
  std::vector<std::int64_t> rounds;
};

bool LowerIsBetter(const std::string& name) {
  return name.ends_with("/loss") || name.ends_with("/perplexity");
}

}  // namespace

const std::vector<std::string>& ClientColumns() {
  static const std::vector<std::string> columns{
      "accuracy", "loss", "steps", "weight", "update_norm"};
  return columns;
}

core::JsonLine MetricsLine(const RoundReport* report,
                           const EvaluationReport* evaluation) {
  core::JsonLine line;
  line.Add("event", report == nullptr ? "start" : "round");
  line.Add("round", report == nullptr ? std::int64_t{0} : report->round);
  if (report != nullptr) {
    const std::int64_t admitted = report->num_admitted();
    line.Add("client_lr", report->lr)
        .Add("cohort/selected",
             static_cast<std::int64_t>(report->clients.size()))
        .Add("cohort/admitted", admitted)
        .Add("cohort/dropped", report->num_dropped())
        .Add("cohort/rejected", report->num_rejected());
    if (report->num_rejected() > 0) {
      std::string text;
      for (const ClientRecord& record : report->clients) {
        if (record.rejected.empty()) continue;
        text += (text.empty() ? "" : "; ") + std::to_string(record.client) +
                ": " + record.rejected;
      }
      line.Add("cohort/rejections", text);
    }
    line.Add("train/steps", report->num_steps());
    if (admitted > 0) {
      line.Add("train/loss", report->train_loss)
          .Add("update/norm", report->update_norm)
          .Add("update/norm_mean", MeanNorm(*report))
          .Add("weights/effective_clients", EffectiveClients(*report));
    }
    for (const auto& [name, value] : report->diagnostics) {
      line.Add(name, value);
    }
    for (const auto& [name, value] : report->robustness) {
      line.Add(name, value);
    }
    if (!report->skipped.empty()) {
      line.Add("aggregate/skipped", report->skipped);
    }
    line.Add("comm/up_bytes", report->up_bytes)
        .Add("comm/down_bytes", report->down_bytes);
  }
  if (evaluation != nullptr) {
    for (const auto& [name, value] : evaluation->metrics) {
      line.Add(name, value);
    }
  }
  return line;
}

core::JsonLine TimingLine(std::int64_t round,
                          const RoundReport& report,
                          double evaluate_seconds,
                          double record_seconds,
                          double wall_seconds) {
  const TimeShares shares =
      SharesOf(report, evaluate_seconds, record_seconds, wall_seconds);
  core::JsonLine line;
  line.Add("round", round)
      .Add("wall_s", wall_seconds)
      .Add("select_s", report.select_seconds)
      .Add("train_s", report.train_seconds)
      .Add("attack_s", report.attack_seconds)
      .Add("aggregate_s", report.aggregate_seconds)
      .Add("server_s", report.server_seconds)
      .Add("evaluate_s", evaluate_seconds)
      .Add("record_s", record_seconds)
      .Add("share_select", shares.select)
      .Add("share_batches", shares.batches)
      .Add("share_training", shares.training)
      .Add("share_hand_off", shares.hand_off)
      .Add("share_exact_sum", shares.exact_sum)
      .Add("share_waiting", shares.waiting)
      .Add("share_aggregate", shares.aggregate)
      .Add("share_server", shares.server)
      .Add("share_evaluate", shares.evaluate)
      .Add("share_record", shares.record)
      .Add("client_steps_per_s",
           static_cast<double>(report.num_steps()) / report.train_seconds)
      .Add("resident_mb", ResidentMegabytes())
      .Add("peak_mb", PeakMegabytes());
  if (report.stacked_work.slots > 0) {
    line.Add("stacked_useful_steps", report.stacked_work.useful_steps())
        .Add("stacked_useful_samples", report.stacked_work.useful_samples());
  }
  return line;
}

std::vector<record::ClientRow> UpdateRows(const RoundReport& report) {
  std::vector<record::ClientRow> rows;
  for (const ClientRecord& record : report.clients) {
    record::ClientRow row;
    row.client = record.client;
    row.round = report.round;
    row.samples = record.samples;
    row.set = "update";
    row.metrics.assign(ClientColumns().size(), std::nullopt);
    if (!record.dropped) {
      row.metrics[1] = record.result.loss;
      row.metrics[2] = static_cast<double>(record.result.steps);
      row.metrics[3] = record.weight;
      row.metrics[4] = record.delta_norm;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<record::ClientRow> ScoreRows(std::int64_t round,
                                         const EvaluationReport& evaluation) {
  std::vector<record::ClientRow> rows;
  for (const auto& [set, scores] : evaluation.clients) {
    for (const ClientScore& score : scores) {
      record::ClientRow row;
      row.client = score.client;
      row.round = round;
      row.samples = score.samples;
      row.set = set;
      row.metrics.assign(ClientColumns().size(), std::nullopt);
      row.metrics[0] = score.accuracy;
      row.metrics[1] = score.loss;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

core::JsonLine SummaryLine(const std::filesystem::path& metrics,
                           std::optional<double> target_accuracy,
                           const std::string& model_hash) {
  // Read back from the file, so that a resumed run sums up all its rounds.
  std::ifstream file(metrics);
  std::map<std::string, Course> courses;
  std::int64_t rounds = 0;
  std::int64_t up = 0;
  std::int64_t down = 0;
  std::int64_t rejected = 0;
  std::string text;
  while (std::getline(file, text)) {
    const auto json = nlohmann::json::parse(text);
    const std::int64_t round = json.at("round").get<std::int64_t>();
    rounds = std::max(rounds, round);
    up += json.value("comm/up_bytes", std::int64_t{0});
    down += json.value("comm/down_bytes", std::int64_t{0});
    rejected += json.value("cohort/rejected", std::int64_t{0});
    for (const auto& [name, value] : json.items()) {
      const bool followed = name.rfind("test/", 0) == 0 ||
                            name.rfind("validation/", 0) == 0 ||
                            name == "attack/success_rate" ||
                            name == "clients/test/accuracy/weighted_mean";
      if (!followed || !value.is_number()) continue;
      courses[name].values.push_back(value.get<double>());
      courses[name].rounds.push_back(round);
    }
  }
  core::JsonLine line;
  line.Add("rounds", rounds);
  for (const auto& [name, course] : courses) {
    const auto best =
        LowerIsBetter(name)
            ? std::min_element(course.values.begin(), course.values.end())
            : std::max_element(course.values.begin(), course.values.end());
    const auto at = static_cast<std::size_t>(best - course.values.begin());
    const auto mean = [](auto first, auto last) {
      return std::accumulate(first, last, 0.0) /
             static_cast<double>(last - first);
    };
    const auto mean_of_last = [&](std::size_t count) {
      const std::size_t tail = std::min(count, course.values.size());
      return mean(course.values.end() - static_cast<std::ptrdiff_t>(tail),
                  course.values.end());
    };
    line.Add(name + "/last", course.values.back())
        .Add(name + "/best", *best)
        .Add(name + "/best_round", course.rounds[at])
        .Add(name + "/mean_last5", mean_of_last(5))
        .Add(name + "/mean_last10", mean_of_last(10))
        .Add(name + "/mean", mean(course.values.begin(), course.values.end()));
    if (name == "test/accuracy" && target_accuracy) {
      std::optional<std::int64_t> reached;
      for (std::size_t i = 0; i < course.values.size() && !reached; ++i) {
        if (course.values[i] >= *target_accuracy) reached = course.rounds[i];
      }
      line.Add("rounds_to_target", reached);
    }
  }
  line.Add("comm/up_bytes_total", up)
      .Add("comm/down_bytes_total", down)
      .Add("cohort/rejected_total", rejected)
      .Add("model_sha256", model_hash);
  return line;
}

}  // namespace fedtorch::round
