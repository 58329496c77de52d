#include "fedtorch/attack/defence_trial.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>

namespace fedtorch::attack {
namespace {

constexpr std::int64_t kMostColumns = 10000;

// Who stands where in the cohort that is tried.
struct Place {
  std::int64_t client = 0;
  std::int64_t row = -1;  // of the known updates; -1 = an adversary
};

std::vector<Place> PlacesOf(const Scene& scene) {
  const aggregate::UpdateTable& known = *scene.known;
  const std::int64_t rows = known.num_rows();
  const std::int64_t honest =
      std::max(rows, scene.num_total - scene.num_byzantine);
  std::int64_t next = 0;  // ids of clients that nobody has
  for (std::int64_t i = 0; i < rows; ++i) {
    next = std::max(next, known.client(i) + 1);
  }
  for (const std::int64_t client : scene.clients) {
    next = std::max(next, client + 1);
  }
  std::vector<Place> places;
  for (std::int64_t i = 0; i < honest; ++i) {
    places.push_back({i < rows ? known.client(i) : next++, i % rows});
  }
  for (std::int64_t i = 0; i < scene.num_byzantine; ++i) {
    const auto index = static_cast<std::size_t>(i);
    places.push_back(
        {index < scene.clients.size() ? scene.clients[index] : next++, -1});
  }
  std::stable_sort(
      places.begin(), places.end(), [](const Place& a, const Place& b) {
        return a.client < b.client;
      });
  return places;
}

bool AsManyAsPossible(std::span<const Place> places,
                      std::span<const std::int64_t> kept) {
  const auto copies =
      std::count_if(kept.begin(), kept.end(), [&](std::int64_t row) {
        return places[static_cast<std::size_t>(row)].row < 0;
      });
  const auto adversaries =
      std::count_if(places.begin(), places.end(), [](const Place& place) {
        return place.row < 0;
      });
  return copies ==
         std::min(adversaries, static_cast<std::ptrdiff_t>(kept.size()));
}

}  // namespace

struct DefenceTrial::Members {
  const Scene& scene;
  std::vector<Place> places;

  // By inner products: rows of the places, with the direction in the places
  // of adversaries, so that inputs and clients stay in line.
  std::vector<float> floats;  // the direction in the type of the rows
  std::optional<aggregate::Inputs> base;
  std::vector<double> mean_of_base;  // mu as a mixture of the base rows

  // By values.
  std::vector<std::int64_t> columns;
  std::vector<std::vector<double>> known;  // [known rows, columns]
  std::vector<double> mean;
  std::vector<double> direction;
  std::vector<double> previous;
  std::vector<double> model;
  std::vector<aggregate::Block> blocks;
  aggregate::Context context;

  explicit Members(const Scene& all) : scene(all), places(PlacesOf(all)) {}

  std::optional<aggregate::UpdateTable> BaseTable(
      std::span<const double> along) {
    aggregate::UpdateTable table;
    table.dimension = scene.known->dimension;
    for (const Place& place : places) table.clients.push_back(place.client);
    const bool fits = scene.known->Visit([&](auto rows) {
      using Real = std::remove_cvref_t<decltype(*rows.front())>;
      const Real* extra = rows.front();
      if constexpr (std::is_same_v<Real, double>) {
        if (!along.empty()) extra = along.data();
      } else if (!along.empty()) {
        for (const double value : along) {
          if (!(std::fabs(value) <= std::numeric_limits<float>::max())) {
            return false;
          }
        }
        floats.assign(along.begin(), along.end());
        extra = floats.data();
      }
      std::vector<const Real*> pointers;
      for (const Place& place : places) {
        pointers.push_back(
            place.row < 0 ? extra : rows[static_cast<std::size_t>(place.row)]);
      }
      table.rows = std::move(pointers);
      return true;
    });
    if (!fits || aggregate::FiniteRows(table).size() != places.size()) {
      return std::nullopt;
    }
    return table;
  }

  // mu as a mixture of the first place of each known row.
  void FindMean() {
    const std::int64_t rows = scene.known->num_rows();
    mean_of_base.assign(places.size(), 0.0);
    std::vector<char> seen(static_cast<std::size_t>(rows), 0);
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i].row < 0) continue;
      char& done = seen[static_cast<std::size_t>(places[i].row)];
      if (done == 0) mean_of_base[i] = 1.0 / static_cast<double>(rows);
      done = 1;
    }
  }

  aggregate::Inputs Mixed(double along_mean, double along_direction) const {
    const auto n = static_cast<std::int64_t>(places.size());
    aggregate::Matrix mixture(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      if (places[static_cast<std::size_t>(i)].row >= 0) {
        mixture(i, i) = 1.0;
        continue;
      }
      for (std::int64_t k = 0; k < n; ++k) {
        mixture(i, k) = along_mean * mean_of_base[static_cast<std::size_t>(k)];
      }
      mixture(i, i) += along_direction;
    }
    return base->Mixed(mixture);
  }

  // Chooses the columns and copies what is in them.
  void Gather(std::span<const double> mu, std::span<const double> along) {
    const std::int64_t dimension = scene.known->dimension;
    columns.resize(static_cast<std::size_t>(dimension));
    std::iota(columns.begin(), columns.end(), std::int64_t{0});
    if (dimension > kMostColumns && MayLeaveOut()) {
      core::Stream stream = core::Stream::Named(
          scene.seed, "attack", {static_cast<std::uint64_t>(scene.round)});
      columns = stream.SampleWithoutReplacement(dimension, kMostColumns);
      std::sort(columns.begin(), columns.end());
    }
    known.resize(static_cast<std::size_t>(scene.known->num_rows()));
    scene.known->Visit([&](auto rows) {
      tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
        known[i].reserve(columns.size());
        for (const std::int64_t column : columns) {
          known[i].push_back(static_cast<double>(rows[i][column]));
        }
      });
    });
    mean = Pick(mu);
    direction = Pick(along);
    previous = Pick(scene.context.previous);
    model = Pick(scene.context.model);
    context = scene.context;
    context.previous = previous;
    context.model = model;
    if (static_cast<std::int64_t>(columns.size()) != dimension) {
      for (const aggregate::Block& block : scene.context.blocks) Shrink(block);
      context.blocks = blocks;
    }
  }

  // Whether the defence works on any number of columns: it does not where it
  // remembers vectors, or where models are evaluated.
  bool MayLeaveOut() const {
    if (scene.defence->needs_server_data()) return false;
    const aggregate::State state = scene.defence->SaveState();
    return std::all_of(state.begin(), state.end(), [&](const auto& entry) {
      return static_cast<std::int64_t>(entry.second.size()) <
             scene.known->dimension;
    });
  }

  void Shrink(const aggregate::Block& block) {
    const auto first =
        std::lower_bound(columns.begin(), columns.end(), block.offset);
    const auto last = std::lower_bound(
        columns.begin(), columns.end(), block.offset + block.size);
    const std::int64_t size = last - first;
    blocks.push_back({.name = block.name,
                      .offset = first - columns.begin(),
                      .size = size,
                      .shape = {size}});
  }

  std::vector<double> Pick(std::span<const double> all) const {
    std::vector<double> picked;
    if (all.empty()) return picked;
    for (const std::int64_t column : columns) {
      picked.push_back(all[static_cast<std::size_t>(column)]);
    }
    return picked;
  }

  Outcome ByInnerProducts(double along_mean, double along_direction) const {
    const aggregate::Inputs inputs = Mixed(along_mean, along_direction);
    const auto weights = scene.defence->Coefficients(inputs, scene.context);
    FEDTORCH_CHECK(weights.has_value(),
                   "a defence is linear once and not the next time");
    Outcome outcome;
    outcome.selects = true;
    std::vector<double> result(places.size());
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const double weight = (*weights)[i];
      if (weight == 0.0) continue;
      kept.push_back(static_cast<std::int64_t>(i));
      if (places[i].row < 0) {
        for (std::size_t k = 0; k < result.size(); ++k) {
          result[k] += weight * along_mean * mean_of_base[k];
        }
        result[i] += weight * along_direction;
      } else {
        result[i] += weight;
      }
    }
    outcome.distance =
        std::sqrt(base->geometry().SquaredDistance(result, mean_of_base));
    outcome.selected = AsManyAsPossible(places, kept);
    return outcome;
  }

  Outcome ByValues(double along_mean, double along_direction) const {
    std::vector<double> copy(mean.size());
    for (std::size_t k = 0; k < copy.size(); ++k) {
      copy[k] = along_mean * mean[k];
      if (!direction.empty()) copy[k] += along_direction * direction[k];
    }
    aggregate::UpdateTable table;
    table.dimension = static_cast<std::int64_t>(columns.size());
    std::vector<const double*> rows;
    for (const Place& place : places) {
      rows.push_back(place.row < 0
                         ? copy.data()
                         : known[static_cast<std::size_t>(place.row)].data());
      table.clients.push_back(place.client);
    }
    table.rows = std::move(rows);
    const aggregate::Result result = scene.defence->Aggregate(table, context);
    Outcome outcome;
    double square = 0.0;
    for (std::size_t k = 0; k < mean.size(); ++k) {
      const double off = result.vector[k] - mean[k];
      square += off * off;
    }
    outcome.distance = std::sqrt(square);
    outcome.selects = !result.kept.empty();
    outcome.selected = outcome.selects && AsManyAsPossible(places, result.kept);
    return outcome;
  }
};

DefenceTrial::DefenceTrial(const Scene& scene,
                           std::span<const double> mean,
                           std::span<const double> direction)
    : members_(std::make_unique<Members>(scene)) {
  FEDTORCH_CHECK(scene.defence != nullptr && scene.known->num_rows() >= 1,
                 "a trial needs a defence and an update");
  const auto table = members_->BaseTable(direction);
  if (table) {
    members_->base.emplace(*table);
    members_->FindMean();
    // Any vector tells whether the defence weighs vectors; the mean is as good
    // as another.
    if (scene.defence->Coefficients(members_->Mixed(1.0, 0.0), scene.context)) {
      return;
    }
    members_->base.reset();
  }
  members_->Gather(mean, direction);
}

DefenceTrial::~DefenceTrial() = default;

DefenceTrial::Outcome DefenceTrial::Try(double along_mean,
                                        double along_direction) const {
  return by_inner_products()
             ? members_->ByInnerProducts(along_mean, along_direction)
             : members_->ByValues(along_mean, along_direction);
}

bool DefenceTrial::by_inner_products() const {
  return members_->base.has_value();
}

std::int64_t DefenceTrial::num_columns() const {
  return static_cast<std::int64_t>(members_->columns.size());
}

}  // namespace fedtorch::attack
