#pragma once

#include "tests/aggregate/aggregate_case.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

using Rows = std::vector<std::vector<double>>;
using Subset = std::vector<std::int64_t>;

/// Draws rows of float32 numbers: most near a common point, `far` of them
/// elsewhere, at places among the others.
Rows DrawRows(std::uint64_t seed,
              std::int64_t n,
              std::int64_t d,
              std::int64_t far);

/// Plain versions, from the values.
double DirectSquared(const std::vector<double>& a,
                     const std::vector<double>& b);
std::vector<double> DirectMean(const Rows& rows, const Subset& subset);
std::vector<double> DirectWeighted(const Rows& rows,
                                   const std::vector<double>& weights);
/// All subsets of `count` out of `n`, in lexicographic order.
std::vector<Subset> Subsets(std::int64_t n, std::int64_t count);
/// The `count` smallest, the lowest index first among equals, ascending.
Subset DirectSmallest(const std::vector<double>& values, std::int64_t count);
/// Krum scores of the rows named: the sum over the nearest `neighbours` others
/// of distance(i, j).
std::vector<double> DirectKrumScores(
    const Rows& rows,
    const Subset& among,
    std::int64_t neighbours,
    const std::function<double(double squared)>& distance);
/// Largest eigenvalue of the covariance of the rows named, by many power
/// iterations in d dimensions; with `weights` of all rows where given.
struct DirectTop {
  double value = 0.0;
  std::vector<double> direction;
};
DirectTop DirectTopOf(const Rows& rows, const std::vector<double>& weights);

/// As ResultOf, of the rows as float32.
Result FloatResultOf(const std::string& rule,
                     const Rows& rows,
                     const Context& context = {});

/// Expects `slow` from both types of rows over several n and f with
/// n >= `least(f)`, and the `dimensions`; `rule` holds F where the number goes.
void ExpectSlow(const std::string& rule,
                const std::function<std::int64_t(std::int64_t f)>& least,
                const std::function<std::vector<double>(const Rows& rows,
                                                        std::int64_t f)>& slow,
                const std::vector<std::int64_t>& dimensions = {1, 3, 40, 2500});

/// Expects finite, repeatable answers on rows that are huge, zero, denormal or
/// all the same, in both types; where `bounded`, `f` huge rows leave the answer
/// near the others, and identical rows come back.
void ExpectTame(const std::string& rule,
                std::int64_t n,
                std::int64_t f,
                bool bounded = true);

/// The largest |answer - mean of S|^2 over the variance of S, for all S of
/// n - f rows.
double Kappa(const Rows& rows,
             const std::vector<double>& answer,
             std::int64_t f);

/// Rows that look like an attack: a cluster, some copies beside it.
Rows DrawAttacked(std::uint64_t seed, std::int64_t n, std::int64_t f);

}  // namespace fedtorch::aggregate
