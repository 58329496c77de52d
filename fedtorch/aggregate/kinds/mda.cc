// Minimum diameter averaging: the mean of the n - f vectors whose largest
// distance from one another is smallest.
//
// Avoids: going through all C(n, f) subsets. Vectors farther apart than a
// threshold are in conflict; a subset within it exists where f vectors touch
// all conflicts (a vertex cover), which branching decides. The smallest
// threshold is found by bisection among the distances, then the
// lexicographically first subset within it.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/selection.h"
#include "fedtorch/aggregate/spectrum.h"

#include <algorithm>
#include <optional>

namespace fedtorch::aggregate {
namespace {

// Branchings of one bisection step or one question of the last stage.
constexpr std::int64_t kMostBranchings = 200000;

// Decides whether few vectors touch all conflicts.
class Conflicts {
 public:
  Conflicts(const Matrix& distances, double threshold) {
    const std::int64_t n = distances.rows();
    beside_.resize(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        if (distances(i, j) > threshold) {
          beside_[static_cast<std::size_t>(i)].push_back(
              static_cast<std::size_t>(j));
        }
      }
    }
  }

  std::size_t size() const { return beside_.size(); }
  std::span<const std::size_t> Beside(std::size_t row) const {
    return beside_[row];
  }
  bool gave_up() const { return gave_up_; }

  // The vectors of a cover beside those `removed` already, of at most `budget`;
  // nullopt where there is none, or where the search gave up.
  std::optional<std::vector<char>> Cover(const std::vector<char>& removed,
                                         std::int64_t budget) {
    State state;
    state.removed = removed;
    state.budget = budget;
    state.degree.resize(size());
    for (std::size_t i = 0; i < size(); ++i) {
      if (removed[i] != 0) continue;
      for (const std::size_t other : beside_[i]) {
        if (removed[other] == 0) ++state.degree[i];
      }
      state.conflicts += state.degree[i];
    }
    state.conflicts /= 2;
    branchings_ = 0;
    if (!Search(&state)) return std::nullopt;
    return state.removed;
  }

 private:
  struct State {
    std::vector<char> removed;
    std::vector<std::int64_t> degree;
    std::int64_t conflicts = 0;
    std::int64_t budget = 0;
  };

  void Remove(std::size_t row, State* state) const {
    state->removed[row] = 1;
    --state->budget;
    state->conflicts -= state->degree[row];
    state->degree[row] = 0;
    for (const std::size_t other : beside_[row]) {
      if (state->removed[other] == 0) --state->degree[other];
    }
  }

  void RemoveBeside(std::size_t row, State* state) const {
    for (const std::size_t other : beside_[row]) {
      if (state->removed[other] == 0) Remove(other, state);
    }
  }

  bool Search(State* state) {
    std::size_t widest = 0;
    while (true) {
      if (state->conflicts == 0) return state->budget >= 0;
      if (state->budget <= 0) return false;
      widest = 0;
      std::size_t leaf = size();
      for (std::size_t i = 0; i < size(); ++i) {
        if (state->degree[i] > state->degree[widest]) widest = i;
        if (leaf == size() && state->degree[i] == 1) leaf = i;
      }
      if (state->degree[widest] > state->budget) {
        // Its neighbours are more than may go, so it goes itself.
        Remove(widest, state);
      } else if (leaf != size()) {
        // The only neighbour touches this conflict and perhaps more.
        RemoveBeside(leaf, state);
      } else if (state->degree[widest] == 2) {
        // Only rings are left: any vector is in some smallest cover.
        Remove(widest, state);
      } else {
        break;
      }
    }
    if (state->conflicts > state->budget * state->degree[widest]) return false;
    if (++branchings_ > kMostBranchings) {
      gave_up_ = true;
      return false;
    }
    State other = *state;
    RemoveBeside(widest, &other);
    if (Search(&other)) {
      *state = std::move(other);
      return true;
    }
    Remove(widest, state);
    return Search(state);
  }

  std::vector<std::vector<std::size_t>> beside_;
  std::int64_t branchings_ = 0;
  bool gave_up_ = false;
};

class Mda final : public Aggregator {
 public:
  explicit Mda(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("mda", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t f = f_.Of(context);
    const Matrix distances = SquaredDistances(geometry, n);
    std::vector<double> thresholds = {0.0};
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = i + 1; j < n; ++j) {
        thresholds.push_back(distances(i, j));
      }
    }
    std::sort(thresholds.begin(), thresholds.end());
    thresholds.erase(std::unique(thresholds.begin(), thresholds.end()),
                     thresholds.end());
    const std::vector<char> nobody(static_cast<std::size_t>(n));
    bool gave_up = false;
    // Below `low` no subset is known; the last threshold has no conflicts.
    std::size_t low = 0;
    std::size_t high = thresholds.size() - 1;
    std::vector<char> cover = nobody;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      Conflicts conflicts(distances, thresholds[middle]);
      if (auto found = conflicts.Cover(nobody, f)) {
        high = middle;
        cover = std::move(*found);
      } else {
        low = middle + 1;
      }
      gave_up = gave_up || conflicts.gave_up();
    }
    Conflicts conflicts(distances, thresholds[high]);
    const std::vector<std::int64_t> best =
        FirstSubset(&conflicts, cover, n - f);
    gave_up = gave_up || conflicts.gave_up();
    Combination result;
    result.coefficients = MeanOver(best, geometry.size());
    result.diagnostics["aggregate/exact"] = gave_up ? 0.0 : 1.0;
    return result;
  }

 private:
  // The lexicographically first `count` vectors without conflicts; `cover` is
  // one way to be without.
  static std::vector<std::int64_t> FirstSubset(Conflicts* conflicts,
                                               std::vector<char> cover,
                                               std::int64_t count) {
    const auto n = static_cast<std::int64_t>(conflicts->size());
    std::vector<char> removed(conflicts->size());
    std::vector<std::int64_t> subset;
    std::int64_t budget = n - count;
    for (std::int64_t i = 0;
         i < n && static_cast<std::int64_t>(subset.size()) < count;
         ++i) {
      const auto row = static_cast<std::size_t>(i);
      if (removed[row] != 0) continue;
      std::vector<char> trial = removed;
      std::int64_t rest = budget;
      for (const std::size_t other : conflicts->Beside(row)) {
        if (trial[other] != 0) continue;
        trial[other] = 1;
        --rest;
      }
      // A cover without this vector already holds all that are beside it.
      bool possible = cover[row] == 0;
      if (!possible && rest >= 0) {
        if (auto found = conflicts->Cover(trial, rest)) {
          cover = std::move(*found);
          // A cover need not be used up; this vector is not in it.
          possible = cover[row] == 0;
        }
      }
      if (possible) {
        subset.push_back(i);
        removed = std::move(trial);
        budget = rest;
      } else {
        removed[row] = 1;
        --budget;
      }
    }
    return subset;
  }

  Tolerance f_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Mda>(section);
}

}  // namespace

extern const Kind kMda;
constinit const Kind kMda{
    .name = "mda",
    .summary = "Mean of the n - f updates with the smallest diameter.",
    .source =
        "Rousseeuw 1985; El Mhamdi, Guerraoui, Guirguis, Hoang, Rouault "
        "2020",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
