#pragma once

#include "fedtorch/aggregate/weighting.h"
#include "fedtorch/algorithm/method.h"
#include "fedtorch/server/optimizer.h"
#include "tests/support/quadratic_problem.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fedtorch::algorithm {

/// Makes a method from the text of its config, e.g. "{name: fedprox, mu: 1}".
std::unique_ptr<Method> MakeMethod(const std::string& yaml);

/// Is x <- x + delta, free of the room `server`, with an optional factor.
class PlainStep final : public server::Optimizer {
 public:
  explicit PlainStep(double lr = 1.0) : lr_(lr) {}
  void Step(std::span<double> model, std::span<const double> delta) override;
  server::State SaveState() const override { return {}; }
  void LoadState(const server::State&) override {}

 private:
  double lr_;
};

/// Is the smallest federation: clients in order, one weighted mean, one server
/// half. The clients work in `Real`, the server in float64.
template <class Real>
class Federation {
 public:
  using Vectors = std::map<std::string, std::vector<Real>>;

  /// Starts `method` at the model 0. Takes the method's own weighting.
  Federation(Method& method,
             std::vector<support::Quadratic> clients,
             const support::LocalWork& work);

  Federation(const Federation&) = delete;
  Federation& operator=(const Federation&) = delete;

  /// Runs one round over the drawn clients; a client drawn several times
  /// trains once with that multiplicity.
  void Round(const std::vector<std::int64_t>& drawn);
  /// Runs rounds with a cohort of `size`, drawn without replacement by round
  /// number.
  void Rounds(int count, std::size_t size);
  /// Draws the cohort of the next round.
  std::vector<std::int64_t> Draw(std::size_t size) const;

  std::size_t num_clients() const { return clients_.size(); }
  const std::vector<support::Quadratic>& clients() const { return clients_; }

  std::vector<double> model;              ///< x, [d]
  std::vector<support::LocalWork> works;  ///< by client
  std::vector<Vectors> states;            ///< stored vectors by client
  aggregate::Weighting weighting;
  server::Optimizer* optimizer;  ///< `PlainStep` unless replaced
  std::uint64_t round = 0;
  std::map<std::int64_t, client::Update<Real>> last;  ///< last round's updates

 private:
  void RunClient(std::int64_t client,
                 std::span<const Real> global,
                 const Vectors& broadcast);

  Method& method_;
  std::vector<support::Quadratic> clients_;
  PlainStep plain_step_;
};

extern template class Federation<float>;
extern template class Federation<double>;

/// Returns the largest absolute difference of two vectors of equal size.
double LargestDifference(std::span<const double> left,
                         std::span<const double> right);
/// Returns the Euclidean distance.
double Distance(std::span<const double> left, std::span<const double> right);

/// Says how a run ended, by the classes of wrong and right forms.
struct Ending {
  bool diverged = false;  ///< the model's norm passed 1e12
  double distance = 0.0;  ///< to the optimum, mean over the last 200 rounds
};

/// Runs up to `rounds` rounds with cohorts of `size`.
Ending RunToTheEnd(Federation<double>& federation,
                   int rounds,
                   std::size_t size,
                   std::span<const double> optimum);

}  // namespace fedtorch::algorithm
