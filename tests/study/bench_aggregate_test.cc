// The rules against the same written in LibTorch's operators: what the
// benchmark compares with computes the same.

#include "fedtorch/study/bench_aggregate.h"

#include "fedtorch/aggregate/pipeline.h"
#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/plain_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace fedtorch::study {
namespace {

TEST(BenchAggregate, ComparesWithWhatComputesTheSame) {
  // An odd number of rows, since LibTorch's median is the lower one; the mean
  // as start of both searches for the geometric median.
  const std::map<std::string, std::string> texts = {
      {"median", "aggregator: median"},
      {"trimmed_mean", "aggregator: trimmed_mean"},
      {"krum", "aggregator: krum"},
      {"nnm_krum", "{aggregator: krum, pre_aggregators: [{name: nnm}]}"},
      {"geometric_median",
       "aggregator: {name: geometric_median, start: mean, iterations: 8, "
       "tolerance: 0}"}};
  constexpr std::int64_t kRows = 21;
  constexpr std::int64_t kDimension = 3000;
  constexpr std::int64_t kF = 4;
  core::Stream stream = core::Stream::Named(8, "plain_rules");
  std::vector<float> values(kRows * kDimension);
  for (float& value : values) {
    value = static_cast<float>(1.0 + stream.Normal());
  }
  const engine::PlainRules plain(values, kRows, kDimension);
  ASSERT_EQ(AggregateRules(), engine::PlainRules::Names());
  for (const std::string& rule : AggregateRules()) {
    const std::string& text = texts.at(rule);
    auto document = config::Document::FromText(
        text[0] == '{' ? "server: " + text : "server:\n  " + text + "\n",
        "test.yaml");
    auto root = document.Root();
    auto server = root.Child({.name = "server", .help = ""});
    const aggregate::Pipeline pipeline = aggregate::Pipeline::Read(server);
    document.Finish();
    const std::vector<double> ours =
        pipeline
            .Aggregate(aggregate::UpdateTable::Of(
                           std::span<const float>(values), kDimension),
                       {.f = kF})
            .vector;
    const std::vector<float> theirs = plain.Run(rule, kF);
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t k = 0; k < ours.size(); ++k) {
      ASSERT_NEAR(ours[k], static_cast<double>(theirs[k]), 2e-5)
          << rule << ", coordinate " << k;
    }
  }
}

}  // namespace
}  // namespace fedtorch::study
