#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/class_lists.h"
#include "fedtorch/partition/class_portions.h"
#include "fedtorch/partition/class_prior.h"
#include "fedtorch/partition/feasibility.h"
#include "fedtorch/partition/lognormal_sizes.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Gives each client a size and a law over classes, drawn from
/// Dirichlet(alpha 1); then fills the clients one sample at a time, the next
/// client being drawn evenly from those that are not full.
///
/// Randomness: (seed, "partition.dirichlet_client." + one of: "sizes", attempt;
/// "classes", client; "turns"; "order", class). Cost: samples x classes time,
/// clients x classes memory.
class DirichletClient final : public Partitioner {
 public:
  DirichletClient(double alpha, double sigma) : alpha_(alpha), sigma_(sigma) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "dirichlet_client");
    ClassLists lists = ListByClass(input.dataset, "dirichlet_client");
    ShuffleWithinClasses(lists, input.seed, "partition.dirichlet_client.order");
    return SplitFromOwners(Fill(input, lists, Sizes(input)), input.num_clients);
  }

 private:
  std::vector<std::int64_t> Sizes(const Input& input) const {
    if (sigma_ == 0.0) {
      return EqualSizes(input.dataset.size(), input.num_clients);
    }
    return LognormalSizes(
        input, "dirichlet_client", sigma_, "partition.dirichlet_client.sizes");
  }

  std::vector<std::int64_t> Fill(const Input& input,
                                 const ClassLists& lists,
                                 std::vector<std::int64_t> room) const {
    std::vector<double> concentration;
    for (std::int64_t label = 0; label < lists.num_classes(); ++label) {
      concentration.push_back(lists.SizeOf(label) > 0 ? alpha_ : 0.0);
    }
    std::vector<ClassPrior> priors;
    std::vector<std::size_t> open;
    priors.reserve(room.size());
    for (std::size_t client = 0; client < room.size(); ++client) {
      priors.emplace_back(
          concentration,
          core::Stream::Named(
              input.seed, "partition.dirichlet_client.classes", {client}));
      if (room[client] > 0) open.push_back(client);
    }

    std::vector<std::int64_t> client_of_sample(lists.samples.size(), kNobody);
    ClassStock stock(lists);
    auto turns =
        core::Stream::Named(input.seed, "partition.dirichlet_client.turns");
    while (!open.empty()) {
      const std::size_t turn = turns.Below(open.size());
      const std::size_t client = open[turn];
      const std::int64_t sample = stock.Take(priors[client].Draw(stock));
      client_of_sample[static_cast<std::size_t>(sample)] =
          static_cast<std::int64_t>(client);
      if (--room[client] == 0) {
        open[turn] = open.back();
        open.pop_back();
      }
    }
    return client_of_sample;
  }

  double alpha_;
  double sigma_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  const double alpha =
      ReadAlpha(section,
                "Concentration of each client's law over the classes; small = "
                "each client has few classes.");
  const double sigma =
      section.Real({.name = "sigma",
                    .help = "Spread of the lognormal sizes of the clients; 0 = "
                            "equal sizes."},
                   0.0,
                   {.min = 0.0, .max = kLargestSigma});
  return std::make_unique<DirichletClient>(alpha, sigma);
}

}  // namespace

extern const Kind kDirichletClient;
constinit const Kind kDirichletClient{
    .name = "dirichlet_client",
    .summary =
        "Each client draws its law over classes from Dirichlet(alpha); "
        "sizes are preset.",
    .source =
        "Acar et al. 2021, FedDyn, code; exhausted classes as in Flower "
        "InnerDirichletPartitioner",
    .make = Make};

}  // namespace fedtorch::partition
