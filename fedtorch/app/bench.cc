#include "fedtorch/app/commands.h"
#include "fedtorch/app/load.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/record/manifest.h"
#include "fedtorch/study/bench_aggregate.h"
#include "fedtorch/study/bench_peak.h"
#include "fedtorch/study/bench_round.h"
#include "fedtorch/study/bench_step.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

std::string Number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string Percent(double share) { return Number(100.0 * share, 1); }

// Prints an aligned table row by row, so that each appears once measured.
class Table {
 public:
  explicit Table(const std::vector<std::string>& heads) {
    for (const std::string& head : heads) widths_.push_back(head.size());
    // The first column holds names.
    widths_.front() = std::max<std::size_t>(widths_.front(), 15);
    Row(heads);
  }

  void Row(const std::vector<std::string>& cells) const {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::cout << (i == 0 ? std::left : std::right)
                << std::setw(static_cast<int>(widths_[i])) << cells[i]
                << (i + 1 < cells.size() ? "  " : "\n");
    }
    std::cout.flush();
  }

 private:
  std::vector<std::size_t> widths_;
};

void PrintMachine() {
  const engine::LibraryInfo library = engine::DescribeLibrary();
  const record::HostFacts host = record::DescribeHost();
  std::cout << "machine: " << host.cpu_model << ", " << host.cores << " cores, "
            << library.cpu_capability << ", LibTorch " << library.version
            << '\n';
}

void PrintPeak(const study::Peak& peak) {
  std::cout << "one core: sgemm " << Number(peak.sgemm_gflops, 1)
            << " GFLOP/s, multiply-add " << Number(peak.fma_gflops, 1)
            << " GFLOP/s, read " << Number(peak.read_gb_s, 1) << " GB/s\n";
}

Json ToJson(const study::Peak& peak) {
  return {{"sgemm_gflops", peak.sgemm_gflops},
          {"fma_gflops", peak.fma_gflops},
          {"read_gb_s", peak.read_gb_s}};
}

Json OrNull(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

void BenchPeak(Format format) {
  const study::Peak peak = study::MeasurePeak();
  if (format == Format::kJson) {
    std::cout << ToJson(peak).dump(2) << '\n';
    return;
  }
  PrintMachine();
  PrintPeak(peak);
}

void BenchStep(const std::vector<std::string>& names, Format format) {
  const study::Peak peak = study::MeasurePeak();
  const bool text = format == Format::kText;
  std::optional<Table> table;
  if (text) {
    PrintMachine();
    PrintPeak(peak);
    std::cout << '\n';
    table.emplace(std::vector<std::string>{"model",
                                           "batch",
                                           "autograd us",
                                           "    plan us",
                                           "times as fast",
                                           "GFLOP/s",
                                           "% of sgemm"});
  }
  Json steps = Json::array();
  for (const std::string& name : names) {
    const study::StepTime time = study::MeasureStep(name, peak);
    if (text) {
      table->Row({time.model,
                  std::to_string(time.batch),
                  Number(time.autograd_us, 1),
                  time.plan_us ? Number(*time.plan_us, 1) : "absent",
                  time.speed_up ? Number(*time.speed_up, 2) : "-",
                  Number(time.gflops, 1),
                  Percent(time.share_of_sgemm_peak)});
    }
    steps.push_back({{"model", time.model},
                     {"batch", time.batch},
                     {"autograd_us", time.autograd_us},
                     {"plan_us", OrNull(time.plan_us)},
                     {"ratio", OrNull(time.speed_up)},
                     {"gflops", time.gflops},
                     {"share_of_sgemm_peak", time.share_of_sgemm_peak}});
  }
  if (!text) {
    std::cout << Json{{"peak", ToJson(peak)}, {"steps", steps}}.dump(2) << '\n';
  }
}

Json ToJson(const study::RoundTime& time) {
  return {{"job", time.job},
          {"workers", time.workers},
          {"rounds", time.rounds},
          {"steps_per_round", time.steps_per_round},
          {"seconds_per_round", time.seconds_per_round},
          {"client_steps_per_s", time.client_steps_per_s},
          {"clients_per_s", time.clients_per_s},
          {"peak_rss_mb", time.peak_rss_mb},
          {"share_training", time.shares.training}};
}

std::vector<std::string> Cells(const study::RoundTime& time) {
  const round::TimeShares& shares = time.shares;
  return {time.job,
          std::to_string(time.workers),
          std::to_string(time.rounds),
          Number(time.seconds_per_round * 1e3, 1),
          Number(time.client_steps_per_s, 0),
          Number(time.clients_per_s, 0),
          Number(1.0 / time.seconds_per_round, 1),
          Number(time.peak_rss_mb, 0),
          Percent(shares.training),
          Percent(shares.batches),
          Percent(shares.hand_off),
          Percent(shares.exact_sum),
          Percent(shares.select),
          Percent(shares.aggregate + shares.server),
          Percent(shares.waiting)};
}

void BenchRound(const std::vector<std::string>& names,
                std::optional<std::int64_t> threads,
                Format format) {
  const std::int64_t cores = record::DescribeHost().cores;
  std::vector<std::int64_t> counts{threads.value_or(1)};
  if (!threads && cores > 1) counts.push_back(cores);
  const bool text = format == Format::kText;
  std::optional<Table> table;
  if (text) {
    PrintMachine();
    std::cout << "% = share of the workers' time\n\n";
    table.emplace(std::vector<std::string>{"job",
                                           "workers",
                                           "rounds",
                                           "ms a round",
                                           "steps/s",
                                           "clients/s",
                                           "rounds/s",
                                           "peak MB",
                                           "training %",
                                           "batches %",
                                           "hand-off %",
                                           "exact sum %",
                                           "select %",
                                           "server %",
                                           "waiting %"});
  }
  Json jobs = Json::array();
  for (const std::string& name : names) {
    study::MeasureRounds(name, counts, [&](const study::RoundTime& time) {
      if (text) table->Row(Cells(time));
      jobs.push_back(ToJson(time));
    });
  }
  if (!text) std::cout << Json{{"jobs", jobs}}.dump(2) << '\n';
}

void BenchAggregate(const std::vector<std::string>& names,
                    const BenchOptions& options) {
  const bool text = options.format == Format::kText;
  std::optional<Table> table;
  if (text) {
    PrintMachine();
    std::cout << options.rows << " updates of " << options.dimension
              << " values, f = " << options.rows / 5 << "\n\n";
    table.emplace(std::vector<std::string>{
        "rule", "      ms", "LibTorch ms", "times as fast"});
  }
  Json rules = Json::array();
  study::MeasureRules(names,
                      options.rows,
                      options.dimension,
                      options.threads.value_or(record::DescribeHost().cores),
                      [&](const study::RuleTime& time) {
                        if (text) {
                          table->Row({time.rule,
                                      Number(time.ms, 1),
                                      Number(time.libtorch_ms, 1),
                                      Number(time.speed_up, 1)});
                        }
                        rules.push_back({{"rule", time.rule},
                                         {"n", time.n},
                                         {"d", time.d},
                                         {"f", time.f},
                                         {"ms", time.ms},
                                         {"libtorch_ms", time.libtorch_ms},
                                         {"ratio", time.speed_up}});
                      });
  if (!text) std::cout << Json{{"rules", rules}}.dump(2) << '\n';
}

[[noreturn]] void RefuseWord(const std::string& place,
                             const std::string& word,
                             const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& name : known) list += " " + name;
  throw core::ConfigError(place + ": unknown word '" + word + "'" +
                          DidYouMean(word, known) + "; known words:" + list);
}

}  // namespace

std::vector<std::string> BenchWords() {
  return {"peak", "step", "round", "aggregate"};
}

std::vector<std::string> BenchNames(const std::string& what) {
  if (what == "step") return study::StepModels();
  if (what == "round") return study::RoundJobs();
  if (what == "aggregate") return study::AggregateRules();
  return {};
}

int Bench(const BenchOptions& options) {
  const std::vector<std::string> words = BenchWords();
  if (std::find(words.begin(), words.end(), options.what) == words.end()) {
    RefuseWord("bench", options.what, words);
  }
  const std::vector<std::string> known = BenchNames(options.what);
  for (const std::string& name : options.names) {
    if (known.empty()) {
      throw core::ConfigError("bench " + options.what +
                              ": expected no further word, found '" + name +
                              "'");
    }
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      RefuseWord("bench " + options.what, name, known);
    }
  }
  const bool parallel = options.what == "round" || options.what == "aggregate";
  if (options.threads && !parallel) {
    throw core::ConfigError("bench " + options.what +
                            ": runs on one thread; --threads is for round and "
                            "aggregate");
  }
  if (options.sized && options.what != "aggregate") {
    throw core::ConfigError("bench " + options.what +
                            ": --rows and --dimension are for aggregate");
  }
  const std::vector<std::string>& names =
      options.names.empty() ? known : options.names;
  if (options.what == "peak") BenchPeak(options.format);
  if (options.what == "step") BenchStep(names, options.format);
  if (options.what == "round") {
    BenchRound(names, options.threads, options.format);
  }
  if (options.what == "aggregate") BenchAggregate(names, options);
  return 0;
}

}  // namespace fedtorch::app
