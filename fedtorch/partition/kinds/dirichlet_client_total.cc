#include "fedtorch/core/stream.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/class_lists.h"
#include "fedtorch/partition/class_portions.h"
#include "fedtorch/partition/class_prior.h"
#include "fedtorch/partition/feasibility.h"

#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Gives each client floor(n / N) samples by its own law over classes, drawn
/// from Dirichlet(alpha p) with p the class frequencies of the whole set: here
/// alpha is the total concentration, whatever the number of classes. The
/// remainder of the division stays unassigned. As in the published code the
/// clients stand in random order, a new one in each rotation.
///
/// Randomness: (seed, "partition.dirichlet_client_total." + one of: "classes",
/// client; "turns"; "order", class). Cost: samples x classes time; memory of
/// clients x classes when the clients rotate.
class DirichletClientTotal final : public Partitioner {
 public:
  DirichletClientTotal(double alpha, bool rotate)
      : alpha_(alpha), rotate_(rotate) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "dirichlet_client_total");
    ClassLists lists = ListByClass(input.dataset, "dirichlet_client_total");
    ShuffleWithinClasses(
        lists, input.seed, "partition.dirichlet_client_total.order");
    std::vector<double> concentration;
    for (std::int64_t label = 0; label < lists.num_classes(); ++label) {
      concentration.push_back(alpha_ *
                              static_cast<double>(lists.SizeOf(label)) /
                              static_cast<double>(input.dataset.size()));
    }
    return SplitFromOwners(rotate_ ? Rotate(input, lists, concentration)
                                   : InTurn(input, lists, concentration),
                           input.num_clients);
  }

 private:
  static ClassPrior PriorOf(std::size_t client,
                            const Input& input,
                            const std::vector<double>& concentration) {
    return ClassPrior(
        concentration,
        core::Stream::Named(
            input.seed, "partition.dirichlet_client_total.classes", {client}));
  }

  static std::vector<std::size_t> AllClients(const Input& input) {
    std::vector<std::size_t> clients(
        static_cast<std::size_t>(input.num_clients));
    std::iota(clients.begin(), clients.end(), std::size_t{0});
    return clients;
  }

  static core::Stream Turns(const Input& input) {
    return core::Stream::Named(input.seed,
                               "partition.dirichlet_client_total.turns");
  }

  static std::vector<std::int64_t> Rotate(
      const Input& input,
      const ClassLists& lists,
      const std::vector<double>& concentration) {
    std::vector<ClassPrior> priors;
    std::vector<std::size_t> clients = AllClients(input);
    priors.reserve(clients.size());
    for (const std::size_t client : clients) {
      priors.push_back(PriorOf(client, input, concentration));
    }
    std::vector<std::int64_t> client_of_sample(lists.samples.size(), kNobody);
    ClassStock stock(lists);
    const std::int64_t size = input.dataset.size() / input.num_clients;
    auto turns = Turns(input);
    for (std::int64_t turn = 0; turn < size; ++turn) {
      turns.Shuffle(std::span(clients));
      for (const std::size_t client : clients) {
        const std::int64_t sample = stock.Take(priors[client].Draw(stock));
        client_of_sample[static_cast<std::size_t>(sample)] =
            static_cast<std::int64_t>(client);
      }
    }
    return client_of_sample;
  }

  static std::vector<std::int64_t> InTurn(
      const Input& input,
      const ClassLists& lists,
      const std::vector<double>& concentration) {
    std::vector<std::int64_t> client_of_sample(lists.samples.size(), kNobody);
    ClassStock stock(lists);
    const std::int64_t size = input.dataset.size() / input.num_clients;
    std::vector<std::size_t> clients = AllClients(input);
    Turns(input).Shuffle(std::span(clients));
    for (const std::size_t client : clients) {
      ClassPrior prior = PriorOf(client, input, concentration);
      for (std::int64_t i = 0; i < size; ++i) {
        const std::int64_t sample = stock.Take(prior.Draw(stock));
        client_of_sample[static_cast<std::size_t>(sample)] =
            static_cast<std::int64_t>(client);
      }
    }
    return client_of_sample;
  }

  double alpha_;
  bool rotate_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  const double alpha =
      ReadAlpha(section,
                "Total concentration of each client's law over the classes; on "
                "K balanced classes as dirichlet_client with alpha / K.");
  const std::string fill = section.Choice(
      {.name = "fill",
       .help = "Whether clients draw one sample each in rotation or are filled "
               "one after another, which leaves the last ones with what the "
               "others did not take."},
      {"rotate", "in_turn"},
      "rotate");
  return std::make_unique<DirichletClientTotal>(alpha, fill == "rotate");
}

}  // namespace

extern const Kind kDirichletClientTotal;
constinit const Kind kDirichletClientTotal{
    .name = "dirichlet_client_total",
    .summary =
        "Each client draws its law over classes from Dirichlet(alpha p), "
        "p the class frequencies; equal sizes.",
    .source =
        "Hsu et al. 2019; google-research/federated, "
        "generalization/synthesization/dirichlet.py",
    .make = Make};

}  // namespace fedtorch::partition
