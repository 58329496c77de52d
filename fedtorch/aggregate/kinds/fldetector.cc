// FLDetector: predicts a client's update from its last one and how the model
// moved since, by the Hessian that L-BFGS reads from the aggregates; clients
// that are badly predicted for a window of rounds are dropped.
//
// Avoids: pairing a step with the change that belongs to the step before, a
// count of groups that is one too high and always finds an attack, distances of
// unequal cohorts added up as shares (they are divided by their mean instead,
// which is the same where all take part), 0/0 for equal scores, and a singular
// system. A client that was away is predicted over the whole way that the model
// went since; one seen the first time, or not within the window, is not
// predicted and is kept: its score is 1, that of the average client.
// State: an update a client and window, and two vectors a round of the window.
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/inner_rule.h"
#include "fedtorch/aggregate/two_means.h"
#include "fedtorch/core/stream.h"

#include <Eigen/Dense>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace fedtorch::aggregate {
namespace {

using Vector = std::vector<double>;

// Multiplies by the approximation of the Hessian after the pairs (step,
// change), oldest first, in its compact form.
// Source: Byrd, Nocedal, Schnabel 1994, theorem 2.3.
class Hessian {
 public:
  Hessian(const std::vector<Vector>& steps,
          const std::vector<Vector>& changes) {
    for (std::size_t j = 0; j < steps.size(); ++j) {
      const double length = std::sqrt(InnerProduct(steps[j], steps[j]));
      // A round that moved nothing says nothing.
      if (!(length > 0.0) || !std::isfinite(length)) continue;
      steps_.push_back(&steps[j]);
      changes_.push_back(&changes[j]);
      lengths_.push_back(length);
    }
    const auto m = static_cast<Eigen::Index>(steps_.size());
    if (m == 0) return;
    // Pairs of unit steps: the formula does not see their length, the solver
    // does.
    Eigen::MatrixXd ss(m, m);
    Eigen::MatrixXd sy(m, m);
    tbb::parallel_for(Eigen::Index{0}, m * m, [&](Eigen::Index at) {
      const auto i = static_cast<std::size_t>(at / m);
      const auto j = static_cast<std::size_t>(at % m);
      const double scale = lengths_[i] * lengths_[j];
      ss(at / m, at % m) = InnerProduct(*steps_[i], *steps_[j]) / scale;
      sy(at / m, at % m) = InnerProduct(*steps_[i], *changes_[j]) / scale;
    });
    sigma_ = sy(m - 1, m - 1) / ss(m - 1, m - 1);
    Eigen::MatrixXd all(2 * m, 2 * m);
    const Eigen::MatrixXd lower = sy.triangularView<Eigen::StrictlyLower>();
    all.topLeftCorner(m, m) = sigma_ * ss;
    all.topRightCorner(m, m) = lower;
    all.bottomLeftCorner(m, m) = lower.transpose();
    all.bottomRightCorner(m, m).setZero();
    all.bottomRightCorner(m, m).diagonal() = -sy.diagonal();
    valid_ = all.allFinite();
    if (valid_) solver_.compute(all);
  }

  bool valid() const { return valid_; }

  Vector Times(const Vector& v) const {
    const auto m = static_cast<Eigen::Index>(steps_.size());
    Eigen::VectorXd products(2 * m);
    tbb::parallel_for(Eigen::Index{0}, 2 * m, [&](Eigen::Index at) {
      const auto j = static_cast<std::size_t>(at % m);
      products[at] = at < m ? sigma_ * InnerProduct(*steps_[j], v) / lengths_[j]
                            : InnerProduct(*changes_[j], v) / lengths_[j];
    });
    const Eigen::VectorXd solved = solver_.solve(products);
    Vector result(v.size());
    if (!solved.allFinite()) return result;
    for (std::size_t k = 0; k < v.size(); ++k) result[k] = sigma_ * v[k];
    for (std::size_t j = 0; j < steps_.size(); ++j) {
      const auto at = static_cast<Eigen::Index>(j);
      const double by_step = sigma_ * solved[at] / lengths_[j];
      const double by_change = solved[m + at] / lengths_[j];
      for (std::size_t k = 0; k < v.size(); ++k) {
        result[k] -= by_step * (*steps_[j])[k] + by_change * (*changes_[j])[k];
      }
    }
    return result;
  }

 private:
  std::vector<const Vector*> steps_;
  std::vector<const Vector*> changes_;
  Vector lengths_;
  double sigma_ = 0.0;
  bool valid_ = false;
  Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> solver_;
};

class Fldetector final : public Aggregator {
 public:
  explicit Fldetector(config::Section& section)
      : start_(section.Int(
            {.name = "start_round",
             .help = "Rounds before the first prediction; updates change too "
                     "fast in the beginning.",
             .unit = "rounds",
             .aliases = {"start_epoch"}},
            50,
            {.min = 0})),
        window_(section.Int(
            {.name = "window",
             .help = "Rounds that the Hessian and a score are made of; nobody "
                     "is dropped before as many were scored.",
             .unit = "rounds",
             .aliases = {"window_size"}},
            10,
            {.min = 1, .max = 1000})),
        references_(section.Int({.name = "references",
                                 .help = "Uniform samples that the gap "
                                         "statistic compares scores with."},
                                20,
                                {.min = 1, .max = 10000})),
        groups_(section.Int({.name = "max_groups",
                             .help = "Most groups of scores that are tried."},
                            10,
                            {.min = 2, .max = 1000})),
        inner_(InnerRule::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return inner_.rule().Obstacle(n, f);
  }
  bool needs_declared_f() const override {
    return inner_.rule().needs_declared_f();
  }
  bool needs_server_data() const override {
    return inner_.rule().needs_server_data();
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const Verdict verdict = Judge(inputs, context);
    Result result = inner_.Aggregate(inputs, verdict.rows, context);
    result.scores = verdict.scores;
    result.diagnostics["aggregate/num_bad"] = static_cast<double>(
        inputs.size() - static_cast<std::int64_t>(verdict.rows.size()));
    return result;
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result& result) override {
    const Verdict verdict = Judge(inputs, context);
    inner_.Remember(inputs, verdict.rows, context);
    if (round_ > 0) {
      steps_.push_back(Step(context));
      Vector change = result.vector;
      for (std::size_t k = 0; k < change.size(); ++k) {
        change[k] -= last_aggregate_[k];
      }
      changes_.push_back(std::move(change));
      if (static_cast<std::int64_t>(steps_.size()) > window_) {
        steps_.erase(steps_.begin());
        changes_.erase(changes_.begin());
      }
    }
    ++round_;
    last_model_.assign(context.model.begin(), context.model.end());
    last_aggregate_ = result.vector;
    if (!verdict.distances.empty()) ++scored_rounds_;
    for (const auto& [client, distance] : verdict.distances) {
      scores_[client].insert(scores_[client].end(),
                             {static_cast<double>(round_), distance});
    }
    inputs.table().Visit([&](auto rows) {
      for (std::int64_t i = 0; i < inputs.size(); ++i) {
        const auto* row = rows[static_cast<std::size_t>(i)];
        Vector& last = last_[inputs.client(i)];
        last.assign(row, row + inputs.dimension());
        last.push_back(static_cast<double>(round_));
      }
    });
    Forget();
  }

  State SaveState() const override {
    State state;
    inner_.SaveState(&state);
    SaveClients("last", last_, &state);
    SaveClients("score", scores_, &state);
    for (std::size_t j = 0; j < steps_.size(); ++j) {
      state["step/" + std::to_string(j)] = steps_[j];
      state["change/" + std::to_string(j)] = changes_[j];
    }
    state["model"] = last_model_;
    state["aggregate"] = last_aggregate_;
    state["rounds"] = {static_cast<double>(round_),
                       static_cast<double>(scored_rounds_)};
    return state;
  }
  void LoadState(const State& state) override {
    inner_.LoadState(state);
    last_ = LoadClients("last", state);
    scores_ = LoadClients("score", state);
    steps_.clear();
    changes_.clear();
    for (const auto& [j, step] : LoadClients("step", state)) {
      steps_.push_back(step);
      changes_.push_back(LoadVector("change/" + std::to_string(j), state));
    }
    last_model_ = LoadVector("model", state);
    last_aggregate_ = LoadVector("aggregate", state);
    const Vector rounds = LoadVector("rounds", state);
    round_ = rounds.empty() ? 0 : static_cast<std::int64_t>(rounds.at(0));
    scored_rounds_ = rounds.empty() ? 0 : static_cast<std::int64_t>(rounds[1]);
  }

 private:
  struct Verdict {
    std::vector<std::int64_t> rows;            // inputs let pass, ascending
    Vector scores;                             // [n]
    std::map<std::int64_t, double> distances;  // by client, of this round
  };

  // How the model moved from the round before to this one.
  Vector Step(const Context& context) const {
    // Where the model is unknown it is taken to have moved by the aggregate.
    Vector step = last_aggregate_;
    if (context.model.size() == step.size() &&
        last_model_.size() == step.size()) {
      for (std::size_t k = 0; k < step.size(); ++k) {
        step[k] = context.model[k] - last_model_[k];
      }
    }
    return step;
  }

  // By client: |prediction - update| in units of the mean over the cohort.
  std::map<std::int64_t, double> Distances(const Inputs& inputs,
                                           const Context& context) const {
    std::map<std::int64_t, double> distances;
    if (round_ < start_ || round_ == 0) return distances;
    const Hessian hessian(steps_, changes_);
    if (!hessian.valid()) return distances;
    // Rounds since a client was last here -> what its update changed by.
    std::map<std::int64_t, Vector> expected;
    std::vector<const Vector*> last(static_cast<std::size_t>(inputs.size()));
    std::vector<const Vector*> change(last.size());
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      const auto found = last_.find(inputs.client(i));
      if (found == last_.end()) continue;
      const std::int64_t away =
          round_ - static_cast<std::int64_t>(found->second.back());
      if (away > static_cast<std::int64_t>(steps_.size())) continue;
      auto [at, is_new] = expected.try_emplace(away);
      if (is_new) {
        Vector way = Step(context);
        for (std::int64_t j = 1; j <= away; ++j) {
          const Vector& step =
              steps_[steps_.size() - static_cast<std::size_t>(j)];
          for (std::size_t k = 0; k < way.size(); ++k) way[k] += step[k];
        }
        at->second = hessian.Times(way);
      }
      last[static_cast<std::size_t>(i)] = &found->second;
      change[static_cast<std::size_t>(i)] = &at->second;
    }
    Vector lengths(last.size());
    inputs.table().Visit([&](auto rows) {
      tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
        if (last[i] == nullptr) return;
        double sum = 0.0;
        for (std::size_t k = 0; k < change[i]->size(); ++k) {
          const double part =
              (*last[i])[k] + (*change[i])[k] - static_cast<double>(rows[i][k]);
          sum += part * part;
        }
        lengths[i] = std::sqrt(sum);
      });
    });
    double mean = 0.0;
    double count = 0.0;
    for (std::size_t i = 0; i < last.size(); ++i) {
      if (last[i] == nullptr) continue;
      mean += lengths[i];
      count += 1.0;
    }
    mean /= std::max(1.0, count);
    for (std::size_t i = 0; i < last.size(); ++i) {
      if (last[i] == nullptr) continue;
      const double distance = mean > 0.0 ? lengths[i] / mean : 1.0;
      distances[inputs.client(static_cast<std::int64_t>(i))] =
          std::isfinite(distance) ? distance : 1.0;
    }
    return distances;
  }

  Verdict Judge(const Inputs& inputs, const Context& context) const {
    const std::int64_t n = inputs.size();
    Verdict verdict;
    verdict.distances = Distances(inputs, context);
    verdict.scores.assign(static_cast<std::size_t>(n), 1.0);
    std::vector<std::int64_t> scored;
    Vector scores;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::optional<double> score =
          ScoreOf(inputs.client(i), verdict.distances);
      if (!score) continue;
      verdict.scores[static_cast<std::size_t>(i)] = *score;
      scored.push_back(i);
      scores.push_back(*score);
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    verdict.rows = order;
    const std::int64_t rounds =
        scored_rounds_ + (verdict.distances.empty() ? 0 : 1);
    if (rounds < window_) return verdict;
    core::Stream stream =
        core::Stream::Named(context.seed,
                            "fldetector",
                            {static_cast<std::uint64_t>(context.round)});
    if (NumGroupsByGap(scores, groups_, references_, stream) < 2) {
      return verdict;
    }
    const LineSplit split = SplitLine(scores);
    std::vector<char> bad(static_cast<std::size_t>(n));
    for (std::size_t k = 0; k < scored.size(); ++k) {
      bad[static_cast<std::size_t>(scored[k])] = split.upper[k];
    }
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      const auto left = static_cast<std::size_t>(a);
      const auto right = static_cast<std::size_t>(b);
      if (bad[left] != bad[right]) return bad[left] < bad[right];
      return verdict.scores[left] < verdict.scores[right];
    });
    verdict.rows =
        inner_.Admit(order,
                     n - std::count(bad.begin(), bad.end(), char{1}),
                     std::max<std::int64_t>(0, context.f - context.masked));
    return verdict;
  }

  // Mean of what a client was off by in the window, this round with it.
  std::optional<double> ScoreOf(
      std::int64_t client,
      const std::map<std::int64_t, double>& distances) const {
    double sum = 0.0;
    double count = 0.0;
    const auto past = scores_.find(client);
    if (past != scores_.end()) {
      for (std::size_t k = 0; k < past->second.size(); k += 2) {
        if (static_cast<double>(round_ + 1) - past->second[k] >=
            static_cast<double>(window_)) {
          continue;
        }
        sum += past->second[k + 1];
        count += 1.0;
      }
    }
    const auto now = distances.find(client);
    if (now != distances.end()) {
      sum += now->second;
      count += 1.0;
    }
    if (count == 0.0) return std::nullopt;
    return sum / count;
  }

  // Drops what no later round can ask for.
  void Forget() {
    const auto now = static_cast<double>(round_);
    const auto window = static_cast<double>(window_);
    std::erase_if(last_, [&](const auto& entry) {
      return now - entry.second.back() > window;
    });
    for (auto& [client, values] : scores_) {
      while (!values.empty() && now - values.front() >= window) {
        values.erase(values.begin(), values.begin() + 2);
      }
    }
    std::erase_if(scores_,
                  [](const auto& entry) { return entry.second.empty(); });
  }

  std::int64_t start_;
  std::int64_t window_;
  std::int64_t references_;
  std::int64_t groups_;
  InnerRule inner_;

  std::int64_t round_ = 0;  // rounds remembered
  std::int64_t scored_rounds_ = 0;
  std::vector<Vector> steps_;    // of the model, oldest first
  std::vector<Vector> changes_;  // of the aggregate over these steps
  Vector last_model_;
  Vector last_aggregate_;
  ClientVectors last_;    // update, and behind it the round it is of
  ClientVectors scores_;  // (round, distance), oldest first
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Fldetector>(section);
}

}  // namespace

extern const Kind kFldetector;
constinit const Kind kFldetector{
    .name = "fldetector",
    .summary =
        "Drops clients whose updates are for a window of rounds not what the "
        "way of the model predicts, then applies another rule.",
    .source = "Zhang, Cao, Jia, Gong 2022, algorithms 1 and 2",
    .preconditions = "n >= 1; those of the inner rule",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
