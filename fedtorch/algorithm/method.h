#pragma once

#include "fedtorch/aggregate/weighting.h"
#include "fedtorch/client/local_problem.h"
#include "fedtorch/config/section.h"
#include "fedtorch/server/optimizer.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::algorithm {

/// Holds what a client half works with. `Real` is float in a run and double
/// where the mathematics is tested to 1e-12; the code is the same.
template <class Real>
struct ClientContext {
  client::LocalProblem<Real>& problem;
  std::span<const Real> global;  ///< [d], the model the client received
  /// Vectors sent down with the model, by name (`Method::Broadcast`).
  const std::map<std::string, std::vector<Real>>& broadcast;
  /// This client's stored vectors by name, each [d]; absent = zeros.
  const std::map<std::string, std::vector<Real>>& state;
  client::Update<Real>& update;  ///< to be filled
  /// The caller can take the delta from the problem's weights, from a method
  /// that sends and stores nothing else; see TrainAndLeaveDelta.
  bool may_leave_delta = false;
};

/// Describes one admitted update to the server half.
struct Contribution {
  std::int64_t client = 0;
  std::int64_t samples = 0;
  std::int64_t multiplicity = 1;
  double weight = 0.0;  ///< weight in the mean
  client::LocalResult result;
};

/// Holds what a server half works with. Vectors are float64: the global model
/// is kept in float64 and rounded to float32 when it is sent.
struct ServerContext {
  std::span<double> model;            ///< x, [d], to be moved
  std::span<const double> aggregate;  ///< the rule's result over the deltas
  /// Plain sums over the admitted clients of what they sent as `extra`; a
  /// client counts once, whatever its multiplicity. Empty without clients.
  const std::map<std::string, std::vector<double>>& extra_sums;
  std::span<const Contribution> cohort;  ///< admitted, ascending client id
  std::int64_t num_clients = 0;          ///< N
  server::Optimizer& optimizer;
};

/// Is a training method: the half that runs on a client and the half that runs
/// on the server, in one file.
///
/// The client half may run on many threads at once, so it must not change the
/// method; the server half runs alone between rounds.
class Method {
 public:
  virtual ~Method() = default;

  virtual void Client(ClientContext<float>& context) const = 0;
  virtual void Client(ClientContext<double>& context) const = 0;
  virtual void Server(ServerContext& context) = 0;

  /// Names of per-client vectors it keeps, each [d]; for the memory estimate.
  virtual std::vector<std::string> state_names() const { return {}; }
  /// Names of the extra vectors that clients send, each [d].
  virtual std::vector<std::string> extra_names() const { return {}; }
  /// How many of the extra vectors travel, for the byte count: one that the
  /// server can compute from `delta` costs nothing.
  virtual std::int64_t num_extras_sent() const {
    return static_cast<std::int64_t>(extra_names().size());
  }
  /// Vectors to send down with the model, in float64.
  virtual std::map<std::string, std::vector<double>> Broadcast() const {
    return {};
  }
  /// The weighting its paper uses, taken when the config says `auto`.
  virtual aggregate::Weighting default_weighting() const {
    return aggregate::Weighting::kSamples;
  }

  /// Sizes the server state; called once, before the first round.
  virtual void Start(std::size_t dimension) { (void)dimension; }
  virtual server::State SaveState() const { return {}; }
  /// Takes back what `SaveState` gave; after `Start`.
  /// Throws: RunError when names or sizes do not fit.
  virtual void LoadState(const server::State& state) { (void)state; }
  /// Values worth a line in metrics.jsonl for this round, by metric name,
  /// e.g. {"algorithm/tau_eff", 12.5}.
  virtual std::map<std::string, double> Diagnostics() const { return {}; }
};

/// Writes the two `Client` overloads of a method once, as a template
/// `template <class Real> void Train(ClientContext<Real>&) const`.
template <class Derived>
class MethodOf : public Method {
 public:
  void Client(ClientContext<float>& context) const final {
    static_cast<const Derived*>(this)->Train(context);
  }
  void Client(ClientContext<double>& context) const final {
    static_cast<const Derived*>(this)->Train(context);
  }
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<Method> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::algorithm
