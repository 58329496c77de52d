// Nearest-neighbour averaging: the mean of the vectors nearest to a pivot.
//
// The pivot is one client's own vector, for a client that trusts itself (NNA),
// or what another rule makes of the same vectors (CVA). A client is named by
// its id, not by its place in the round, which moves when a row before it is
// not finite.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/selection.h"
#include "fedtorch/core/errors.h"

namespace fedtorch::aggregate {
namespace {

class Monna final : public Aggregator {
 public:
  explicit Monna(config::Section& section)
      : f_(Tolerance::Read(section)),
        client_(section.OptionalInt(
            {.name = "client",
             .help = "Client whose update is the pivot; null = the rule that "
                     "pivot names."},
            {.min = 0})) {
    // Read only where it counts: beside a client it is an unknown key.
    if (!client_ || section.recording()) {
      pivot_ = config::MakeKind(
          section,
          {.name = "pivot", .help = "Rule whose answer is the pivot."},
          AllKinds(),
          "median");
    }
  }

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    std::string obstacle = HonestMajorityObstacle("monna", n, f_.Declared(f));
    if (!obstacle.empty() || !pivot_) return obstacle;
    return pivot_->Obstacle(n, f);
  }
  bool needs_declared_f() const override {
    return !f_.given() || (pivot_ && pivot_->needs_declared_f());
  }
  bool needs_server_data() const override {
    return pivot_ && pivot_->needs_server_data();
  }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    Combination result;
    if (client_) {
      const std::int64_t pivot = RowOf(inputs);
      for (std::int64_t i = 0; i < inputs.size(); ++i) {
        result.scores.push_back(geometry.SquaredDistance(pivot, i));
      }
    } else {
      if (!pivot_->References(inputs, context).empty()) return std::nullopt;
      const auto pivot = pivot_->Combine(geometry, inputs, context);
      if (!pivot) return std::nullopt;
      for (std::int64_t i = 0; i < inputs.size(); ++i) {
        result.scores.push_back(
            geometry.SquaredDistance(pivot->coefficients, i));
      }
    }
    Average(inputs, context, geometry.size(), &result);
    return result;
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    if (client_) return Aggregator::Aggregate(inputs, context);
    // Values serve every pivot, and cost less than all inner products.
    Combination combination;
    combination.scores =
        SquaredDistancesTo(inputs, pivot_->Aggregate(inputs, context).vector);
    Average(inputs, context, inputs.size(), &combination);
    return Joined(inputs, std::move(combination));
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result&) override {
    if (!pivot_) return;
    pivot_->Remember(inputs, context, pivot_->Aggregate(inputs, context));
  }
  State SaveState() const override {
    return pivot_ ? pivot_->SaveState() : State();
  }
  void LoadState(const State& state) override {
    if (pivot_) pivot_->LoadState(state);
  }

 private:
  std::int64_t RowOf(const Inputs& inputs) const {
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      if (inputs.client(i) == *client_) return i;
    }
    throw core::RunError("monna has no update of its pivot, client " +
                         std::to_string(*client_) + ", among the " +
                         std::to_string(inputs.size()) + " of this round");
  }

  void Average(const Inputs& inputs,
               const Context& context,
               std::int64_t size,
               Combination* result) const {
    result->coefficients = MeanOver(
        Smallest(result->scores, inputs.size() - f_.Of(context)), size);
  }

  Tolerance f_;
  std::optional<std::int64_t> client_;
  std::unique_ptr<Aggregator> pivot_;  // null where a client is the pivot
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Monna>(section);
}

}  // namespace

extern const Kind kMonna;
constinit const Kind kMonna{
    .name = "monna",
    .summary = "Mean of the n - f updates nearest to a pivot.",
    .source = "Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan 2023",
    .preconditions = "n > 2f, and those of the pivot",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
