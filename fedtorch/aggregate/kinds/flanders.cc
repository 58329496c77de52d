// FLANDERS: forecasts the clients' models from the rounds before by a matrix
// autoregression, Theta_t = A Theta_(t-1) B, and lets only those pass that are
// closest to their forecast; another rule joins them.
//
// Avoids: taking the last matrix for the one before the first, scaling values
// for the fit but not for the forecast, and a history that dropped clients
// write to. A client that was away or dropped in a round is taken to have held
// the global model, so one seen the first time is forecast from that alone.
// Everybody passes the first round; the second is forecast to be as the first.
// State: sampled values of the clients let pass, for a window of rounds.
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/inner_rule.h"
#include "fedtorch/core/stream.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace fedtorch::aggregate {
namespace {

using Table = Eigen::MatrixXd;

// A step smaller than this, relative to A, ends the alternation.
constexpr double kSettled = 1e-9;

// Fits X_t = A X_(t-1) B to consecutive matrices [clients, values] by
// alternating least squares with ridges, from B = 1, and applies it to the
// last one. Source: Chen, Xiao, Yang 2021, section 3.2, with ridges.
class Autoregression {
 public:
  Autoregression(double alpha, double beta, std::int64_t most_steps)
      : alpha_(alpha), beta_(beta), most_steps_(most_steps) {}

  // Requires: at least two matrices, of one shape.
  Table Forecast(const std::vector<Table>& history) const {
    const Eigen::Index clients = history[0].rows();
    const Eigen::Index values = history[0].cols();
    const auto pairs = static_cast<Eigen::Index>(history.size()) - 1;
    Table before(clients * pairs, values);
    Table after(clients * pairs, values);
    for (Eigen::Index t = 0; t < pairs; ++t) {
      before.middleRows(t * clients, clients) =
          history[static_cast<std::size_t>(t)];
      after.middleRows(t * clients, clients) =
          history[static_cast<std::size_t>(t) + 1];
    }
    const bool wide = before.rows() <= values;
    Table moved = before;  // X_(t-1) B
    Table left = Table::Zero(clients, clients);
    Table turned;  // A X_(t-1)
    Table solved;
    for (std::int64_t step = 0; step < most_steps_; ++step) {
      Table products = Table::Zero(clients, clients);
      Table squares = alpha_ * Table::Identity(clients, clients);
      for (Eigen::Index t = 0; t < pairs; ++t) {
        const auto now = moved.middleRows(t * clients, clients);
        products += after.middleRows(t * clients, clients) * now.transpose();
        squares += now * now.transpose();
      }
      const Table next = squares.ldlt().solve(products.transpose()).transpose();
      const double change = (next - left).norm();
      left = next;
      turned.resize(before.rows(), values);
      for (Eigen::Index t = 0; t < pairs; ++t) {
        turned.middleRows(t * clients, clients) =
            left * before.middleRows(t * clients, clients);
      }
      // B = (W'W + beta)^-1 W'Y = W' (WW' + beta)^-1 Y, whichever is smaller.
      if (wide) {
        Table gram = turned * turned.transpose();
        gram.diagonal().array() += beta_;
        solved = gram.ldlt().solve(after);
        moved = (before * turned.transpose()) * solved;
      } else {
        Table gram = turned.transpose() * turned;
        gram.diagonal().array() += beta_;
        solved = gram.ldlt().solve(turned.transpose() * after);
        moved = before * solved;
      }
      if (!(change > kSettled * left.norm())) break;
    }
    const Table& last = history.back();
    return left * (wide ? Table((last * turned.transpose()) * solved)
                        : Table(last * solved));
  }

 private:
  double alpha_;
  double beta_;
  std::int64_t most_steps_;
};

class Flanders final : public Aggregator {
 public:
  explicit Flanders(config::Section& section)
      : f_(Tolerance::Read(section)),
        keep_(section.AutoInt(
            {.name = "keep",
             .help = "Clients let pass in a round; auto = n - f.",
             .unit = "clients",
             .aliases = {"num_clients_to_keep"}},
            {.min = 1})),
        samples_(section.Int({.name = "samples",
                              .help = "Values of a model that are forecast, "
                                      "the same in all rounds.",
                              .unit = "values"},
                             500,
                             {.min = 1, .max = 100000})),
        window_(section.Int({.name = "window",
                             .help = "Rounds that a forecast is made from.",
                             .unit = "rounds"},
                            10,
                            {.min = 1, .max = 1000})),
        // Braces: the keys are read in this order.
        fit_{section.Real({.name = "alpha",
                           .help = "Ridge of the matrix between clients."},
                          1.0,
                          {.min = 0.0, .open_min = true}),
             section.Real({.name = "beta",
                           .help = "Ridge of the matrix between values."},
                          1.0,
                          {.min = 0.0, .open_min = true}),
             section.Int({.name = "max_iterations",
                          .help = "Most steps of the fit.",
                          .aliases = {"maxiter"}},
                         100,
                         {.min = 1, .max = 1000000})},
        inner_(InnerRule::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    if (!keep_ && n <= declared) {
      return "flanders needs n > f updates, found n = " + std::to_string(n) +
             " with f = " + std::to_string(declared);
    }
    return inner_.rule().Obstacle(NumKept(n, declared), f);
  }
  bool needs_declared_f() const override {
    return (!keep_ && !f_.given()) || inner_.rule().needs_declared_f();
  }
  bool needs_server_data() const override {
    return inner_.rule().needs_server_data();
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    std::vector<double> errors;
    const auto rows = Passed(inputs, context, &errors);
    Result result = inner_.Aggregate(inputs, rows, context);
    result.scores = std::move(errors);
    return result;
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result& result) override {
    std::vector<double> errors;
    const auto rows = Passed(inputs, context, &errors);
    inner_.Remember(inputs, rows, context);
    const auto columns = Columns(inputs.dimension(), context);
    Past past;
    for (const std::int64_t column : columns) {
      past.global.push_back(ModelAt(column, context) +
                            result.vector[static_cast<std::size_t>(column)]);
    }
    const Table models = ModelsOf(inputs, columns, context);
    for (const std::int64_t row : rows) {
      std::vector<double>& values = past.clients[inputs.client(row)];
      for (Eigen::Index k = 0; k < models.cols(); ++k) {
        values.push_back(models(row, k));
      }
    }
    history_.push_back(std::move(past));
    if (static_cast<std::int64_t>(history_.size()) > window_) {
      history_.erase(history_.begin());
    }
  }

  State SaveState() const override {
    State state;
    inner_.SaveState(&state);
    for (std::size_t t = 0; t < history_.size(); ++t) {
      state["global/" + std::to_string(t)] = history_[t].global;
      SaveClients("past/" + std::to_string(t), history_[t].clients, &state);
    }
    return state;
  }
  void LoadState(const State& state) override {
    inner_.LoadState(state);
    history_.clear();
    for (const auto& [t, global] : LoadClients("global", state)) {
      history_.push_back(
          {global, LoadClients("past/" + std::to_string(t), state)});
    }
  }

 private:
  // The models of one round, at the sampled columns.
  struct Past {
    std::vector<double> global;  // after the round
    ClientVectors clients;       // those let pass
  };

  std::int64_t NumKept(std::int64_t n, std::int64_t f) const {
    return std::clamp<std::int64_t>(keep_.value_or(n - f), 1, n);
  }

  std::vector<std::int64_t> Columns(std::int64_t dimension,
                                    const Context& context) const {
    core::Stream stream = core::Stream::Named(context.seed, "flanders");
    std::vector<std::int64_t> columns = stream.SampleWithoutReplacement(
        dimension, std::min(dimension, samples_));
    std::sort(columns.begin(), columns.end());
    return columns;
  }

  // Where the model is unknown, updates stand for local models.
  static double ModelAt(std::int64_t column, const Context& context) {
    return context.model.empty()
               ? 0.0
               : context.model[static_cast<std::size_t>(column)];
  }

  static Table ModelsOf(const Inputs& inputs,
                        const std::vector<std::int64_t>& columns,
                        const Context& context) {
    Table models(inputs.size(), static_cast<Eigen::Index>(columns.size()));
    inputs.table().Visit([&](auto rows) {
      for (Eigen::Index i = 0; i < models.rows(); ++i) {
        for (Eigen::Index k = 0; k < models.cols(); ++k) {
          const std::int64_t column = columns[static_cast<std::size_t>(k)];
          models(i, k) =
              ModelAt(column, context) +
              static_cast<double>(rows[static_cast<std::size_t>(i)][column]);
        }
      }
    });
    return models;
  }

  Table ForecastOf(const Inputs& inputs, Eigen::Index values) const {
    std::vector<Table> tables;
    double largest = 0.0;
    for (const Past& past : history_) {
      Table& table = tables.emplace_back(inputs.size(), values);
      for (std::int64_t i = 0; i < inputs.size(); ++i) {
        const auto own = past.clients.find(inputs.client(i));
        const std::vector<double>& row =
            own == past.clients.end() ? past.global : own->second;
        for (Eigen::Index k = 0; k < values; ++k) {
          table(i, k) = row[static_cast<std::size_t>(k)];
        }
      }
      largest = std::max(largest, table.cwiseAbs().maxCoeff());
    }
    if (tables.size() < 2 || largest == 0.0) return tables.back();
    // Root mean square 1, so that ridges mean the same for any model.
    double squares = 0.0;
    for (const Table& table : tables)
      squares += (table / largest).squaredNorm();
    const double scale =
        largest *
        std::sqrt(squares / static_cast<double>(tables.size() *
                                                static_cast<std::size_t>(
                                                    tables.front().size())));
    std::vector<Table> scaled;
    for (const Table& table : tables) scaled.push_back(table / scale);
    const Table forecast = scale * fit_.Forecast(scaled);
    return forecast.allFinite() ? forecast : tables.back();
  }

  // Inputs let pass, ascending; `errors` receives the distance of each to its
  // forecast, nothing in the first round.
  std::vector<std::int64_t> Passed(const Inputs& inputs,
                                   const Context& context,
                                   std::vector<double>* errors) const {
    std::vector<std::int64_t> order(static_cast<std::size_t>(inputs.size()));
    std::iota(order.begin(), order.end(), 0);
    if (history_.empty() || inputs.dimension() == 0) return order;
    const auto columns = Columns(inputs.dimension(), context);
    const Table models = ModelsOf(inputs, columns, context);
    const Table forecast = ForecastOf(inputs, models.cols());
    for (Eigen::Index i = 0; i < models.rows(); ++i) {
      const double error = (models.row(i) - forecast.row(i)).stableNorm();
      errors->push_back(
          std::isfinite(error) ? error : std::numeric_limits<double>::max());
    }
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return (*errors)[static_cast<std::size_t>(a)] <
             (*errors)[static_cast<std::size_t>(b)];
    });
    order.resize(
        static_cast<std::size_t>(NumKept(inputs.size(), f_.Of(context))));
    std::sort(order.begin(), order.end());
    return order;
  }

  Tolerance f_;
  std::optional<std::int64_t> keep_;
  std::int64_t samples_;
  std::int64_t window_;
  Autoregression fit_;
  InnerRule inner_;
  std::vector<Past> history_;  // oldest first
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Flanders>(section);
}

}  // namespace

extern const Kind kFlanders;
constinit const Kind kFlanders{
    .name = "flanders",
    .summary =
        "Lets only the clients pass whose models are closest to a forecast "
        "from earlier rounds, then applies another rule.",
    .source = "Gabrielli, Belli, Matrullo, Miori, Tolomei 2023, algorithm 1",
    .preconditions = "n > f; those of the inner rule for n - f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
