// Geometric median of the means of random buckets.
//
// Avoids: buckets so large that adversaries may sit in half of them: there must
// be more than 2f buckets, which for the usual two updates a bucket is
// n >= 4f + 1.
#include "fedtorch/aggregate/buckets.h"
#include "fedtorch/aggregate/weiszfeld.h"

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(n^2 d).
class MedianOfMeans final : public Aggregator {
 public:
  explicit MedianOfMeans(config::Section& section)
      : f_(Tolerance::Read(section)),
        size_(section.Int({.name = "bucket_size",
                           .help = "Updates in a bucket.",
                           .unit = "updates"},
                          2,
                          {.min = 1})),
        search_(Weiszfeld::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    const std::int64_t buckets = NumBuckets(n, size_);
    if (buckets > 2 * declared) return {};
    return "median_of_means needs more than 2f = " +
           std::to_string(2 * declared) +
           " buckets, found n = " + std::to_string(n) + " updates in " +
           std::to_string(buckets) +
           " buckets with f = " + std::to_string(declared);
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::vector<std::vector<double>> References(
      const Inputs& inputs, const Context& context) const override {
    return search_.References(inputs.Mixed(Buckets(inputs, context)));
  }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const Matrix buckets = Buckets(inputs, context);
    const Inputs means = inputs.Mixed(buckets);
    Combination of_means = search_.Combine(means.geometry(), means);
    Combination result;
    result.diagnostics = std::move(of_means.diagnostics);
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    const auto n = static_cast<std::size_t>(inputs.size());
    for (std::int64_t bucket = 0; bucket < buckets.rows(); ++bucket) {
      const auto row = buckets.Row(bucket);
      for (std::size_t i = 0; i < n; ++i) {
        result.coefficients[i] +=
            of_means.coefficients[static_cast<std::size_t>(bucket)] * row[i];
      }
    }
    std::copy(of_means.coefficients.begin() +
                  static_cast<std::ptrdiff_t>(buckets.rows()),
              of_means.coefficients.end(),
              result.coefficients.begin() + static_cast<std::ptrdiff_t>(n));
    return result;
  }

 private:
  Matrix Buckets(const Inputs& inputs, const Context& context) const {
    return BucketMeans(
        inputs.size(),
        size_,
        core::Stream::Named(context.seed,
                            "median_of_means",
                            {static_cast<std::uint64_t>(context.round)}));
  }

  Tolerance f_;
  std::int64_t size_;
  Weiszfeld search_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<MedianOfMeans>(section);
}

}  // namespace

extern const Kind kMedianOfMeans;
constinit const Kind kMedianOfMeans{
    .name = "median_of_means",
    .summary =
        "Geometric median of the means of buckets, drawn at random every "
        "round.",
    .source = "Chen, Su, Xu 2017, algorithm 2",
    .preconditions = "ceil(n / bucket_size) > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
