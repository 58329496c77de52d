#include "fedtorch/study/bench_aggregate.h"

#include "fedtorch/aggregate/pipeline.h"
#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/plain_rules.h"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>

namespace fedtorch::study {
namespace {

// What each rule is in a config, f aside.
const std::map<std::string, std::string>& Texts() {
  static const std::map<std::string, std::string> texts{
      {"median", "aggregator: median"},
      {"trimmed_mean", "aggregator: trimmed_mean"},
      {"krum", "aggregator: krum"},
      {"nnm_krum", "aggregator: krum\n  pre_aggregators: [{name: nnm}]"},
      {"geometric_median",
       "aggregator: {name: geometric_median, iterations: 8, tolerance: 0}"}};
  return texts;
}

aggregate::Pipeline PipelineOf(const std::string& rule) {
  auto document =
      config::Document::FromText("server:\n  " + Texts().at(rule) + "\n", rule);
  auto root = document.Root();
  auto server = root.Child({.name = "server", .help = "The defence."});
  aggregate::Pipeline pipeline = aggregate::Pipeline::Read(server);
  document.Finish();
  return pipeline;
}

template <class Body>
double Milliseconds(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  return elapsed.count();
}

}  // namespace

std::vector<std::string> AggregateRules() {
  return engine::PlainRules::Names();
}

void MeasureRules(const std::vector<std::string>& rules,
                  std::int64_t n,
                  std::int64_t d,
                  std::int64_t threads,
                  const std::function<void(const RuleTime&)>& done) {
  const tbb::global_control control(
      tbb::global_control::max_allowed_parallelism,
      static_cast<std::size_t>(threads));
  engine::UseIntraOpThreads(static_cast<int>(threads));
  std::vector<float> values(static_cast<std::size_t>(n * d));
  tbb::parallel_for(std::int64_t{0}, n, [&](std::int64_t i) {
    core::Stream stream = core::Stream::Named(
        1, "bench_aggregate", {static_cast<std::uint64_t>(i)});
    float* row = values.data() + i * d;
    for (std::int64_t k = 0; k < d; ++k) {
      row[k] = static_cast<float>(stream.Normal());
    }
  });
  aggregate::UpdateTable table =
      aggregate::UpdateTable::Of(std::span<const float>(values), d);
  table.all_finite = true;
  const engine::PlainRules plain(values, n, d);
  const std::int64_t f = n / 5;
  constexpr int kRuns = 5;
  for (const std::string& rule : rules) {
    const aggregate::Pipeline pipeline = PipelineOf(rule);
    RuleTime time{.rule = rule,
                  .n = n,
                  .d = d,
                  .f = f,
                  .ms = std::numeric_limits<double>::infinity(),
                  .libtorch_ms = std::numeric_limits<double>::infinity()};
    for (int run = 0; run < kRuns; ++run) {
      time.ms = std::min(
          time.ms, Milliseconds([&] { pipeline.Aggregate(table, {.f = f}); }));
      // Twice are enough for what takes seconds.
      if (run < 2) {
        time.libtorch_ms = std::min(time.libtorch_ms,
                                    Milliseconds([&] { plain.Run(rule, f); }));
      }
    }
    time.speed_up = time.libtorch_ms / time.ms;
    done(time);
  }
}

}  // namespace fedtorch::study
