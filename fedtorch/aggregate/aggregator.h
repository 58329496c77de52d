#pragma once

#include "fedtorch/aggregate/inputs.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::aggregate {

/// Vectors that live from round to round, by name, for checkpoints.
using State = std::map<std::string, std::vector<double>>;

/// Names one tensor of the model within the flat vector.
struct Block {
  std::string name;  ///< e.g. "2.dense.weight"
  std::int64_t offset = 0;
  std::int64_t size = 0;
  std::vector<std::int64_t> shape;  ///< dense [in, out], bias [out]
};

/// Answers what a server with clean samples of its own can find out.
class ServerData {
 public:
  virtual ~ServerData() = default;
  /// The update [d] that the server's own samples give from the global model,
  /// by the local work that clients do.
  virtual std::vector<double> OwnUpdate() = 0;
  /// Mean loss on the server's samples, nats, of the model at global + update.
  virtual double Loss(std::span<const double> update) = 0;
  /// Class probabilities [count, classes] of the model at global + update on
  /// `count` inputs of standard normal noise, the same for equal `seed`.
  virtual Matrix OutputsOnNoise(std::span<const double> update,
                                std::int64_t count,
                                std::uint64_t seed) = 0;
};

/// Holds what a stage of the defence knows beside the vectors.
struct Context {
  std::int64_t f = 0;       ///< declared number of adversaries, never the true
  std::int64_t masked = 0;  ///< rows set aside as not finite; count against f
  std::uint64_t seed = 0;
  std::int64_t round = 1;
  std::span<const double> previous{};  ///< last aggregate [d]; empty = none
  std::span<const double> model{};     ///< global model [d]; empty = unknown
  std::span<const Block> blocks{};     ///< of the model; empty = unknown
  ServerData* server = nullptr;        ///< null = the server has no samples
};

/// Counts adversaries as a defence is told of them, less the rows that were
/// already set aside, which are taken for some of them.
struct Adversaries {
  std::int64_t declared = 0;
  std::int64_t masked = 0;

  Adversaries(std::int64_t all, std::int64_t aside = 0)
      : declared(all), masked(aside) {}
  /// Those that are left, at least 0.
  operator std::int64_t() const {
    return declared > masked ? declared - masked : 0;
  }
};

/// Is the number of adversaries that a stage defends against: its own key `f`,
/// or the declared one.
class Tolerance {
 public:
  /// Reads the key `f` of a stage: a number, or auto.
  static Tolerance Read(config::Section& section);
  explicit Tolerance(std::optional<std::int64_t> f = std::nullopt) : f_(f) {}
  /// f of this call, less the rows already set aside, at least 0.
  std::int64_t Of(const Context& context) const;
  /// f where only that is known, less the rows already set aside.
  std::int64_t Declared(Adversaries known) const {
    return Adversaries(f_.value_or(known.declared), known.masked);
  }
  bool given() const { return f_.has_value(); }

 private:
  std::optional<std::int64_t> f_;
};

/// Holds what a rule makes of the updates of a round.
struct Result {
  std::vector<double> vector;      ///< [d]
  std::vector<std::int64_t> kept;  ///< rows that entered, where rows are chosen
  std::vector<double> scores;      ///< one an input, where the rule scores them
  std::map<std::string, double> diagnostics;  ///< by metric name
};

/// Is an answer that is a weighted sum of the inputs.
struct Combination {
  std::vector<double> coefficients;  ///< [inputs + references]
  std::vector<double> scores;        ///< [inputs], or empty
  std::map<std::string, double> diagnostics;
};

/// How a rule wants its updates.
enum class Reduction {
  kStream,  ///< a weighted sum: added one by one, memory flat in the cohort
  kTable,   ///< must see all updates of a round at once
};

/// Turns the updates of a round into one vector.
///
/// Every value of the inputs is finite (Pipeline sees to it), and is not
/// modified. Of rows that tie the lowest index wins, everywhere. A rule is
/// either linear and overrides Combine (and perhaps References), or works on
/// the values and overrides Aggregate.
/// Randomness: streams of (context.seed, name of the kind, round) only.
/// Threads: one caller; parallel inside, same bits on any number of threads.
class Aggregator {
 public:
  virtual ~Aggregator() = default;

  /// Says why `n` inputs with `f` declared adversaries cannot be served,
  /// naming both, e.g. "krum needs n >= 2f + 3 = 7, found n = 5 with f = 2";
  /// empty when they can. `f` is the declared number; kinds with a key of their
  /// own use Tolerance::Declared.
  virtual std::string Obstacle(std::int64_t n, Adversaries f) const;
  /// Whether it depends on a declared number of adversaries that its own keys
  /// do not give.
  virtual bool needs_declared_f() const { return false; }
  /// Whether it needs Context::server.
  virtual bool needs_server_data() const { return false; }

  /// Vectors [d] that Combine measures distances to, behind the inputs.
  virtual std::vector<std::vector<double>> References(const Inputs& inputs,
                                                      const Context&) const {
    (void)inputs;
    return {};
  }
  /// For a linear rule: its coefficients, from inner products alone; nullopt
  /// for a rule that must see values. Changes nothing.
  virtual std::optional<Combination> Combine(const Geometry& geometry,
                                             const Inputs& inputs,
                                             const Context& context) const;
  /// Joins the inputs; changes nothing, so that an attack may ask. The default
  /// combines. Requires: size >= 1 and Obstacle is empty. `kept` may be left
  /// empty by linear rules: the pipeline derives it.
  virtual Result Aggregate(const Inputs& inputs, const Context& context) const;

  /// Takes over what lives from round to round; called once a round, with what
  /// Aggregate was given and found.
  virtual void Remember(const Inputs& inputs,
                        const Context& context,
                        const Result& result);
  virtual State SaveState() const { return {}; }
  /// Takes back what SaveState gave.
  virtual void LoadState(const State& state) { (void)state; }
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::string_view preconditions;
  Reduction reduction;
  std::unique_ptr<Aggregator> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::aggregate
