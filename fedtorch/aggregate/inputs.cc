#include "fedtorch/aggregate/inputs.h"

#include "fedtorch/aggregate/gram.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <optional>
#include <type_traits>

namespace fedtorch::aggregate {

// Rows of the table and references, and what is known of them.
struct Inputs::Base {
  UpdateTable table;
  std::vector<std::span<const double>> references;
  // References in the type of the rows, for inner products.
  std::vector<std::vector<float>> floats;
  std::vector<std::int64_t> used;  // rows whose values may be read
  // Used rows, then references, in the type of the rows.
  UpdateTable vectors;
  mutable std::once_flag once;
  // [rows + references + 1, ...], the centre last; 0 for rows not used.
  mutable Matrix gram;

  Base(const UpdateTable& rows,
       std::vector<std::span<const double>> others,
       std::vector<std::int64_t> readable)
      : table(rows),
        references(std::move(others)),
        used(std::move(readable)),
        vectors(rows) {
    std::visit(
        [this](auto& all) {
          using Pointer = typename std::decay_t<decltype(all)>::value_type;
          std::vector<Pointer> picked;
          for (const std::int64_t row : used) {
            picked.push_back(all[static_cast<std::size_t>(row)]);
          }
          all = std::move(picked);
          for (const std::span<const double> reference : references) {
            FEDTORCH_CHECK(
                static_cast<std::int64_t>(reference.size()) == table.dimension,
                "a reference is as long as the rows");
            if constexpr (std::is_same_v<Pointer, const double*>) {
              all.push_back(reference.data());
            } else {
              floats.emplace_back(reference.begin(), reference.end());
              all.push_back(floats.back().data());
            }
          }
        },
        vectors.rows);
  }

  // Where vector `i` of `vectors`, or the centre behind them, stands in `gram`.
  std::int64_t Place(std::int64_t i) const {
    const auto count = static_cast<std::int64_t>(used.size());
    return i < count ? used[static_cast<std::size_t>(i)]
                     : table.num_rows() + i - count;
  }
};

struct Inputs::Cache {
  std::optional<Geometry> geometry;
  std::optional<UpdateTable> table;
  std::vector<float> floats;  // values of mixtures
  std::vector<double> doubles;
};

namespace {

std::vector<std::int64_t> Ascending(std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

Inputs::Inputs(const UpdateTable& table)
    : base_(std::make_shared<Base>(table,
                                   std::vector<std::span<const double>>{},
                                   Ascending(table.num_rows()))),
      picks_(base_->used),
      cache_(std::make_shared<Cache>()) {
  for (const std::int64_t row : picks_) {
    weights_.push_back(table.weight(row));
    clients_.push_back(table.client(row));
  }
}

Inputs::Inputs(const UpdateTable& table, std::span<const std::int64_t> rows)
    : Inputs(Inputs(table).Select(rows)) {
  base_ = std::make_shared<Base>(
      table,
      std::vector<std::span<const double>>{},
      std::vector<std::int64_t>(rows.begin(), rows.end()));
}

Inputs Inputs::Select(std::span<const std::int64_t> rows) const {
  Inputs result;
  result.base_ = base_;
  result.plain_ = plain_;
  result.cache_ = std::make_shared<Cache>();
  if (!plain_) {
    result.coefficients_ =
        Matrix(static_cast<std::int64_t>(rows.size()), coefficients_.columns());
  }
  double total = 0.0;
  double kept = 0.0;
  for (const double weight : weights_) total += weight;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    if (plain_) {
      result.picks_.push_back(picks_[row]);
    } else {
      const auto from = coefficients_.Row(rows[i]);
      std::copy(from.begin(),
                from.end(),
                result.coefficients_.Row(static_cast<std::int64_t>(i)).begin());
    }
    result.weights_.push_back(weights_[row]);
    result.clients_.push_back(clients_[row]);
    kept += weights_[row];
  }
  if (rows.size() != weights_.size() && kept > 0.0) {
    for (double& weight : result.weights_) weight *= total / kept;
  }
  return result;
}

Inputs Inputs::Mixed(const Matrix& coefficients) const {
  FEDTORCH_CHECK(coefficients.columns() == size() && coefficients.rows() >= 1,
                 "a mixture has one coefficient an input");
  Inputs result;
  result.base_ = base_;
  result.plain_ = false;
  result.cache_ = std::make_shared<Cache>();
  const std::int64_t outputs = coefficients.rows();
  result.coefficients_ = Matrix(outputs, num_base_rows());
  for (std::int64_t i = 0; i < outputs; ++i) {
    const auto out = result.coefficients_.Row(i);
    for (std::int64_t j = 0; j < size(); ++j) {
      const double factor = coefficients(i, j);
      if (factor == 0.0) continue;
      if (plain_) {
        out[static_cast<std::size_t>(picks_[static_cast<std::size_t>(j)])] +=
            factor;
      } else {
        const auto row = coefficients_.Row(j);
        for (std::size_t k = 0; k < out.size(); ++k) out[k] += factor * row[k];
      }
    }
  }
  result.weights_.assign(static_cast<std::size_t>(outputs),
                         1.0 / static_cast<double>(outputs));
  if (outputs == size()) {
    result.clients_ = clients_;
  } else {
    result.clients_.resize(static_cast<std::size_t>(outputs));
    std::iota(result.clients_.begin(), result.clients_.end(), 0);
  }
  return result;
}

Inputs Inputs::WithReferences(
    const std::vector<std::span<const double>>& references) const {
  Inputs result = *this;
  result.base_ = std::make_shared<Base>(base_->table, references, base_->used);
  result.cache_ = std::make_shared<Cache>();
  return result;
}

std::int64_t Inputs::size() const {
  return static_cast<std::int64_t>(weights_.size());
}

std::int64_t Inputs::num_references() const {
  return static_cast<std::int64_t>(base_->references.size());
}

std::int64_t Inputs::dimension() const { return base_->table.dimension; }

double Inputs::weight(std::int64_t input) const {
  return weights_[static_cast<std::size_t>(input)];
}

std::int64_t Inputs::client(std::int64_t input) const {
  return clients_[static_cast<std::size_t>(input)];
}

bool Inputs::is_double() const { return base_->table.is_double(); }

bool Inputs::is_plain() const { return plain_; }

std::int64_t Inputs::num_base_rows() const { return base_->table.num_rows(); }

std::vector<double> Inputs::BaseCoefficients(std::int64_t input) const {
  if (!plain_) {
    const auto row = coefficients_.Row(input);
    return {row.begin(), row.end()};
  }
  std::vector<double> unit(static_cast<std::size_t>(num_base_rows()));
  unit[static_cast<std::size_t>(picks_[static_cast<std::size_t>(input)])] = 1.0;
  return unit;
}

const Matrix& Inputs::Gram() const {
  std::call_once(base_->once, [this] {
    const Matrix found = CentredGram(
        base_->vectors, static_cast<std::int64_t>(base_->used.size()));
    const std::int64_t size = base_->Place(found.rows() - 1) + 1;
    base_->gram = Matrix(size, size);
    for (std::int64_t i = 0; i < found.rows(); ++i) {
      for (std::int64_t j = 0; j < found.rows(); ++j) {
        base_->gram(base_->Place(i), base_->Place(j)) = found(i, j);
      }
    }
  });
  return base_->gram;
}

const Geometry& Inputs::geometry() const {
  if (cache_->geometry) return *cache_->geometry;
  const std::int64_t rows = num_base_rows();
  if (plain_) {
    std::vector<std::int64_t> picks = picks_;
    for (std::int64_t i = 0; i < num_references(); ++i) {
      picks.push_back(rows + i);
    }
    cache_->geometry.emplace(Gram(), picks);
  } else {
    Matrix all(size() + num_references(), rows + num_references());
    for (std::int64_t i = 0; i < size(); ++i) {
      const auto from = coefficients_.Row(i);
      std::copy(from.begin(), from.end(), all.Row(i).begin());
    }
    for (std::int64_t i = 0; i < num_references(); ++i) {
      all(size() + i, rows + i) = 1.0;
    }
    cache_->geometry.emplace(Gram(), all);
  }
  return *cache_->geometry;
}

const UpdateTable& Inputs::table() const {
  if (cache_->table) return *cache_->table;
  UpdateTable table;
  table.dimension = dimension();
  table.weights = weights_;
  table.clients = clients_;
  base_->table.Visit([&](auto rows) {
    using Real = std::remove_cvref_t<decltype(*rows.front())>;
    std::vector<const Real*> pointers;
    if (plain_) {
      for (const std::int64_t row : picks_) {
        pointers.push_back(rows[static_cast<std::size_t>(row)]);
      }
    } else {
      std::vector<Real>* values = nullptr;
      if constexpr (std::is_same_v<Real, float>) {
        values = &cache_->floats;
      } else {
        values = &cache_->doubles;
      }
      const auto width = static_cast<std::size_t>(dimension());
      values->resize(static_cast<std::size_t>(size()) * width);
      // A factor of 0 does not undo a value that is not a number.
      const std::vector<std::int64_t>& used = base_->used;
      std::vector<const Real*> mixed;
      Matrix factors(size(), static_cast<std::int64_t>(used.size()));
      for (std::size_t k = 0; k < used.size(); ++k) {
        mixed.push_back(rows[static_cast<std::size_t>(used[k])]);
        for (std::int64_t i = 0; i < size(); ++i) {
          factors(i, static_cast<std::int64_t>(k)) = coefficients_(i, used[k]);
        }
      }
      MixRows(std::span<const Real* const>(mixed),
              factors,
              width,
              std::span(*values));
      for (std::int64_t i = 0; i < size(); ++i) {
        pointers.push_back(values->data() +
                           static_cast<std::size_t>(i) * width);
      }
    }
    table.rows = std::move(pointers);
  });
  cache_->table = std::move(table);
  return *cache_->table;
}

std::vector<double> Inputs::Combine(
    std::span<const double> coefficients) const {
  FEDTORCH_CHECK(static_cast<std::int64_t>(coefficients.size()) ==
                     size() + num_references(),
                 "one coefficient an input and reference");
  std::vector<double> base(static_cast<std::size_t>(num_base_rows()));
  for (std::int64_t i = 0; i < size(); ++i) {
    const double factor = coefficients[static_cast<std::size_t>(i)];
    if (factor == 0.0) continue;
    if (plain_) {
      base[static_cast<std::size_t>(picks_[static_cast<std::size_t>(i)])] +=
          factor;
    } else {
      const auto row = coefficients_.Row(i);
      for (std::size_t k = 0; k < base.size(); ++k) base[k] += factor * row[k];
    }
  }
  std::vector<double> result(static_cast<std::size_t>(dimension()));
  WeightedSum(base_->table, base, result);
  for (std::size_t i = 0; i < base_->references.size(); ++i) {
    const double factor = coefficients[static_cast<std::size_t>(size()) + i];
    if (factor == 0.0) continue;
    for (std::size_t k = 0; k < result.size(); ++k) {
      result[k] += factor * base_->references[i][k];
    }
  }
  return result;
}

}  // namespace fedtorch::aggregate
