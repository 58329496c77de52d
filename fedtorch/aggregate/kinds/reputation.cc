// Reputation: a layer around any rule that weighs clients by how well they
// agreed with its results in the rounds before, and bans the worst for a while.
//
// Where the inner rule is a weighted sum, its coefficients are multiplied by
// max(0, r)^power and scaled back to their sum; for other rules only bans
// count. The score q of a round compares an update x with the round's result z:
//   cosine     q = <x, z> / (|x| |z|), 0 where a length is 0;
//   distance   q = 1 / (1 + |x - z| / median of |x - z|);
//   kept       q = 1 where the rule let x enter its result, else 0.
// Reputations follow the scores:
//   exponential   r <- decay r + (1 - decay) q, from `initial`;
//   beta          r = (a + 1) / (a + b + 2) with a <- decay a + q and
//                 b <- decay b + 1 - q, q cut to [0, 1]; from 1/2;
//   pid           e = 1 - q, u = kp e + ki sum + kd (e - last e) with
//                 sum <- decay sum + e; a client is banned where u exceeds
//                 mean + sigmas * deviation of the round, nobody is weighed.
//
// Avoids: scores by place in the cohort, negative weights, a cohort of banned
// clients only (the most reputable are let in as the inner rule needs them). A
// client seen the first time has the reputation that is given above; one that
// is banned or away keeps its own.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/inner_rule.h"
#include "fedtorch/aggregate/outlier_bound.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace fedtorch::aggregate {
namespace {

class Reputation final : public Aggregator {
 public:
  explicit Reputation(config::Section& section) : inner_(Read(section)) {}

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
    const auto rows = Admitted(inputs, context);
    const Inputs selected = inputs.Select(rows);
    std::vector<double> weights;
    for (const std::int64_t row : rows) {
      weights.push_back(WeightOf(ReputationOf(inputs.client(row))));
    }
    std::optional<Result> weighed = Weighed(selected, weights, context);
    Result result =
        weighed ? std::move(*weighed) : inner_.Aggregate(inputs, rows, context);
    result.scores.clear();
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      result.scores.push_back(ReputationOf(inputs.client(i)));
    }
    result.diagnostics["aggregate/num_banned"] = static_cast<double>(
        inputs.size() - static_cast<std::int64_t>(rows.size()));
    return result;
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result& result) override {
    const auto rows = Admitted(inputs, context);
    inner_.Remember(inputs, rows, context);
    const Inputs selected = inputs.Select(rows);
    const std::vector<double> scores = ScoresOf(selected, result);
    std::vector<double> controls;
    for (std::int64_t i = 0; i < selected.size(); ++i) {
      Record& record = Find(selected.client(i));
      const double q = scores[static_cast<std::size_t>(i)];
      switch (variant_) {
        case Variant::kExponential:
          record.first = decay_ * record.first + (1.0 - decay_) * q;
          break;
        case Variant::kBeta: {
          const double good = std::clamp(q, 0.0, 1.0);
          record.first = decay_ * record.first + good;
          record.second = decay_ * record.second + (1.0 - good);
          break;
        }
        case Variant::kPid: {
          const double error = 1.0 - q;
          const double slope = record.seen ? error - record.second : 0.0;
          record.first = decay_ * record.first + error;
          record.second = error;
          controls.push_back(kp_ * error + ki_ * record.first + kd_ * slope);
          break;
        }
      }
      record.seen = true;
    }
    const double bound = OutlierBound(controls, sigmas_);
    for (std::int64_t i = 0; i < selected.size(); ++i) {
      Record& record = Find(selected.client(i));
      const bool bad = variant_ == Variant::kPid
                           ? controls[static_cast<std::size_t>(i)] > bound
                           : ReputationOf(record) < ban_below_;
      if (bad) record.banned_until = context.round + ban_rounds_;
    }
  }

  State SaveState() const override {
    ClientVectors clients;
    for (const auto& [client, record] : records_) {
      clients[client] = {record.first,
                         record.second,
                         static_cast<double>(record.banned_until)};
    }
    State state;
    inner_.SaveState(&state);
    SaveClients("client", clients, &state);
    return state;
  }
  void LoadState(const State& state) override {
    inner_.LoadState(state);
    records_.clear();
    for (const auto& [client, values] : LoadClients("client", state)) {
      records_[client] = {
          .first = values.at(0),
          .second = values.at(1),
          .banned_until = static_cast<std::int64_t>(values.at(2)),
          .seen = true};
    }
  }

 private:
  enum class Variant { kExponential, kBeta, kPid };
  enum class Score { kCosine, kDistance, kKept };

  struct Record {
    double first = 0.0;             // r, a, or the sum of errors
    double second = 0.0;            // unused, b, or the last error
    std::int64_t banned_until = 0;  // last round of a ban
    bool seen = false;
  };

  InnerRule Read(config::Section& section) {
    const std::string variant = section.Choice(
        {.name = "variant",
         .help = "How scores become a reputation: a moving average, counts of "
                 "good and bad, or a controller that only bans."},
        {"exponential", "beta", "pid"},
        "exponential");
    variant_ = variant == "beta"  ? Variant::kBeta
               : variant == "pid" ? Variant::kPid
                                  : Variant::kExponential;
    const std::string score = section.Choice(
        {.name = "score",
         .help = "How an update is compared with the result: by its angle, by "
                 "its distance, or by whether it entered it."},
        {"cosine", "distance", "kept"},
        "cosine");
    score_ = score == "distance" ? Score::kDistance
             : score == "kept"   ? Score::kKept
                                 : Score::kCosine;
    decay_ = section.Real(
        {.name = "decay",
         .help = "What is left of earlier rounds after another one.",
         .aliases = {"lambda"}},
        0.9,
        {.min = 0.0, .max = 1.0});
    ban_rounds_ = section.Int({.name = "ban_rounds",
                               .help = "How long a ban lasts.",
                               .unit = "rounds"},
                              10,
                              {.min = 0, .max = 1000000000});
    // Keys of other variants are mistakes.
    const bool all = section.recording();
    if (all || variant_ == Variant::kExponential) {
      initial_ = section.Real(
          {.name = "initial",
           .help = "Reputation of a client seen the first time (variant "
                   "exponential)."},
          1.0,
          {.min = 0.0, .max = 1.0});
    }
    if (all || variant_ != Variant::kPid) {
      power_ = section.Real(
          {.name = "power",
           .help = "Weights are reputations to this power (variants "
                   "exponential and beta)."},
          1.0,
          {.min = 0.0, .max = 100.0});
      ban_below_ = section.Real(
          {.name = "ban_below",
           .help = "Reputation below which a client is banned (variants "
                   "exponential and beta)."},
          0.05,
          {.min = -1.0, .max = 1.0});
    }
    if (all || variant_ == Variant::kPid) {
      kp_ = section.Real(
          {.name = "kp", .help = "Weight of the error (variant pid)."},
          1.0,
          {.min = 0.0});
      ki_ = section.Real(
          {.name = "ki", .help = "Weight of the sum of errors (variant pid)."},
          0.05,
          {.min = 0.0});
      kd_ = section.Real({.name = "kd",
                          .help = "Weight of the change of the error (variant "
                                  "pid)."},
                         0.5,
                         {.min = 0.0});
      sigmas_ = section.Real(
          {.name = "sigmas",
           .help = "Standard deviations above the mean from which on a client "
                   "is banned (variant pid)."},
          2.0,
          {.min = 0.0});
    }
    return InnerRule::Read(section);
  }

  Record Fresh() const {
    return {.first = variant_ == Variant::kExponential ? initial_ : 0.0};
  }
  Record& Find(std::int64_t client) {
    return records_.try_emplace(client, Fresh()).first->second;
  }
  Record RecordOf(std::int64_t client) const {
    const auto found = records_.find(client);
    return found == records_.end() ? Fresh() : found->second;
  }
  double ReputationOf(const Record& record) const {
    switch (variant_) {
      case Variant::kExponential:
        return record.first;
      case Variant::kBeta:
        return (record.first + 1.0) / (record.first + record.second + 2.0);
      case Variant::kPid:
        break;
    }
    return -record.first;  // the fewer errors the better
  }
  double ReputationOf(std::int64_t client) const {
    return ReputationOf(RecordOf(client));
  }
  double WeightOf(double reputation) const {
    if (variant_ == Variant::kPid) return 1.0;
    return std::pow(std::max(0.0, reputation), power_);
  }

  std::vector<std::int64_t> Admitted(const Inputs& inputs,
                                     const Context& context) const {
    std::vector<std::int64_t> order;
    std::vector<std::int64_t> banned;
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      const bool out = RecordOf(inputs.client(i)).banned_until >= context.round;
      (out ? banned : order).push_back(i);
    }
    const auto count = static_cast<std::int64_t>(order.size());
    std::stable_sort(banned.begin(), banned.end(), [&](auto a, auto b) {
      return ReputationOf(inputs.client(a)) > ReputationOf(inputs.client(b));
    });
    order.insert(order.end(), banned.begin(), banned.end());
    return inner_.Admit(
        order, count, std::max<std::int64_t>(0, context.f - context.masked));
  }

  // nullopt where weights change nothing.
  std::optional<Result> Weighed(const Inputs& selected,
                                const std::vector<double>& weights,
                                const Context& context) const {
    const Aggregator& rule = inner_.rule();
    if (weights == std::vector<double>(weights.size(), weights.front()) ||
        !rule.References(selected, context).empty()) {
      return std::nullopt;
    }
    auto combination = rule.Combine(selected.geometry(), selected, context);
    if (!combination) return std::nullopt;
    std::vector<double>& coefficients = combination->coefficients;
    double before = 0.0;
    double after = 0.0;
    bool negative = false;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      before += coefficients[i];
      after += coefficients[i] * weights[i];
      negative = negative || coefficients[i] < 0.0;
    }
    // Where nobody trusted has entered, the rule's own answer stands.
    if (after > 0.0 && !negative) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        coefficients[i] *= weights[i] / after * before;
      }
    }
    coefficients.resize(weights.size());
    return Joined(selected,
                  {.coefficients = std::move(coefficients),
                   .diagnostics = std::move(combination->diagnostics)});
  }

  std::vector<double> ScoresOf(const Inputs& selected,
                               const Result& result) const {
    std::vector<double> scores(static_cast<std::size_t>(selected.size()), 1.0);
    if (score_ == Score::kKept) {
      for (std::size_t i = 0; i < scores.size(); ++i) {
        const std::vector<double> base =
            selected.BaseCoefficients(static_cast<std::int64_t>(i));
        const bool entered = std::any_of(
            result.kept.begin(), result.kept.end(), [&](std::int64_t row) {
              return base[static_cast<std::size_t>(row)] != 0.0;
            });
        scores[i] = entered ? 1.0 : 0.0;
      }
      return scores;
    }
    const std::vector<double>& z = result.vector;
    const double squared_z = InnerProduct(z, z);
    selected.table().Visit([&](auto rows) {
      tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
        double product = 0.0;
        double squared = 0.0;
        double apart = 0.0;
        for (std::size_t k = 0; k < z.size(); ++k) {
          const auto x = static_cast<double>(rows[i][k]);
          product += x * z[k];
          squared += x * x;
          apart += (x - z[k]) * (x - z[k]);
        }
        scores[i] = score_ == Score::kCosine
                        ? CosineOf(product, squared, squared_z)
                        : std::sqrt(apart);
      });
    });
    if (score_ == Score::kDistance) {
      const double median = MedianOf(scores);
      for (double& score : scores) {
        const double ratio = score / median;
        score = score == 0.0           ? 1.0
                : std::isfinite(ratio) ? 1.0 / (1.0 + ratio)
                                       : 0.0;
      }
    }
    return scores;
  }

  // Read before the inner rule is, so before it in the class.
  Variant variant_ = Variant::kExponential;
  Score score_ = Score::kCosine;
  double decay_ = 0.9;
  double initial_ = 1.0;
  double power_ = 1.0;
  double ban_below_ = 0.05;
  std::int64_t ban_rounds_ = 10;
  double kp_ = 1.0;
  double ki_ = 0.05;
  double kd_ = 0.5;
  double sigmas_ = 2.0;
  InnerRule inner_;
  std::map<std::int64_t, Record> records_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Reputation>(section);
}

}  // namespace

extern const Kind kReputation;
constinit const Kind kReputation{
    .name = "reputation",
    .summary =
        "Weighs and bans clients around another rule by how well they agreed "
        "with its results before.",
    .source =
        "policies in the roadmap of velocity-fl; Josang, Ismail 2002 "
        "for beta",
    .preconditions = "those of the inner rule",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
