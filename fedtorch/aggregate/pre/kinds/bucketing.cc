// Bucketing: means of a few updates each, drawn anew every round.
//
// Avoids: the caller's rows shuffled in place, the same buckets every round,
// and a last bucket divided by a number of updates that it does not have. One
// adversary spoils one bucket, so what follows still faces up to f of them
// among ceil(n / size); its own condition is checked against that number.
#include "fedtorch/aggregate/buckets.h"
#include "fedtorch/aggregate/pre/preaggregator.h"

namespace fedtorch::aggregate::pre {
namespace {

class Bucketing final : public PreAggregator {
 public:
  explicit Bucketing(config::Section& section)
      : size_(section.Int({.name = "size",
                           .help = "Updates in a bucket.",
                           .unit = "updates",
                           .aliases = {"s"}},
                          2,
                          {.min = 1})) {}

  std::int64_t NumOutputs(std::int64_t n) const override {
    return NumBuckets(n, size_);
  }

  Matrix Mix(const Inputs& inputs, const Context& context) const override {
    return BucketMeans(
        inputs.size(),
        size_,
        core::Stream::Named(context.seed,
                            "bucketing",
                            {static_cast<std::uint64_t>(context.round)}));
  }

 private:
  std::int64_t size_;
};

std::unique_ptr<PreAggregator> Make(config::Section& section) {
  return std::make_unique<Bucketing>(section);
}

}  // namespace

extern const Kind kBucketing;
constinit const Kind kBucketing{
    .name = "bucketing",
    .summary =
        "Replaces the updates by means of a few each, grouped at random every "
        "round.",
    .source = "Karimireddy, He, Jaggi 2022, algorithm 1",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
