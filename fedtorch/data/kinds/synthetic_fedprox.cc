#include "fedtorch/core/errors.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/fedprox_device.h"
#include "fedtorch/data/reader.h"

#include <tbb/parallel_for.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

/// Generates synthetic(alpha, beta). Samples are drawn straight into the final
/// arrays, one task a device, so that memory is that of the result and the
/// number of threads cannot matter.
class SyntheticFedprox final : public Reader {
 public:
  SyntheticFedprox(FedproxOptions options,
                   std::optional<std::int64_t> samples_per_device)
      : options_(options), samples_per_device_(samples_per_device) {}

  Corpus Load(std::uint64_t seed) const override {
    std::vector<std::int64_t> starts{0};
    for (std::int64_t device = 0; device < options_.devices; ++device) {
      starts.push_back(starts.back() + (samples_per_device_
                                            ? *samples_per_device_
                                            : DrawFedproxSize(seed, device)));
    }
    Corpus corpus;
    Dataset& set = corpus.train;
    set.name = "synthetic_fedprox";
    set.type = FeatureType::kFloat32;
    set.shape = {options_.dimension};
    set.num_classes = options_.classes;
    const auto samples = static_cast<std::size_t>(starts.back());
    const auto dimension = static_cast<std::size_t>(options_.dimension);
    set.floats.resize(samples * dimension);
    set.targets.resize(samples);
    set.owners.resize(samples);
    set.owner_names.resize(static_cast<std::size_t>(options_.devices));
    tbb::parallel_for(
        std::int64_t{0}, options_.devices, [&](std::int64_t device) {
          const auto index = static_cast<std::size_t>(device);
          const auto start = static_cast<std::size_t>(starts[index]);
          const auto count =
              static_cast<std::size_t>(starts[index + 1]) - start;
          DrawFedproxSamples(options_,
                             DrawFedproxDevice(options_, seed, device),
                             seed,
                             device,
                             std::span(set.floats)
                                 .subspan(start * dimension, count * dimension),
                             std::span(set.targets).subspan(start, count));
          std::fill_n(set.owners.begin() + starts[index],
                      count,
                      static_cast<std::int32_t>(device));
          set.owner_names[index] = std::to_string(device);
        });
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  FedproxOptions options_;
  std::optional<std::int64_t> samples_per_device_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  FedproxOptions options;
  options.alpha = section.Real(
      {.name = "alpha",
       .help = "How much the devices' models differ: standard deviation of "
               "u_i."},
      1.0,
      {.min = 0.0});
  options.beta = section.Real(
      {.name = "beta",
       .help = "How much the devices' features differ: standard deviation of "
               "B_i."},
      1.0,
      {.min = 0.0});
  options.devices =
      section.Int({.name = "devices",
                   .help = "Number of devices, each a natural client.",
                   .unit = "devices"},
                  30,
                  {.min = 1, .max = 100'000'000});
  options.dimension = section.Int(
      {.name = "dimension", .help = "Number of features.", .unit = "features"},
      60,
      {.min = 1, .max = 1'000'000});
  options.classes = section.Int(
      {.name = "classes", .help = "Number of classes.", .unit = "classes"},
      10,
      {.min = 2, .max = 1'000'000});
  options.iid = section.Bool(
      {.name = "iid",
       .help = "One model for all devices and features around 0; needs alpha "
               "0 and beta 0."},
      false);
  const auto samples = section.OptionalInt(
      {.name = "samples_per_device",
       .help = "Samples of every device; null = lognormal(4, 2) + 50, as in "
               "the paper.",
       .unit = "samples"},
      {.min = 1, .max = 1'000'000'000});
  constexpr std::int64_t kMostWeights = std::int64_t{1} << 30;
  if (!section.recording() &&
      options.dimension > kMostWeights / options.classes) {
    section.Fail("dimension",
                 "expected at most 2^30 for dimension x classes, "
                 "found " +
                     std::to_string(options.dimension) + " x " +
                     std::to_string(options.classes));
  }
  if (!section.recording() && options.iid &&
      (options.alpha != 0.0 || options.beta != 0.0)) {
    section.Fail("iid",
                 "expected alpha: 0 and beta: 0 with iid: true, found "
                 "alpha " +
                     std::to_string(options.alpha) + " and beta " +
                     std::to_string(options.beta));
  }
  return std::make_unique<SyntheticFedprox>(options, samples);
}

}  // namespace

extern const Kind kSyntheticFedprox;
constinit const Kind kSyntheticFedprox{
    .name = "synthetic_fedprox",
    .summary =
        "synthetic(alpha, beta): a linear model and features of its "
        "own for every device; generated, not read.",
    .source = "Li et al. 2020, FedProx, section 5.1, as coded by its authors",
    .make = Make};

}  // namespace fedtorch::data
