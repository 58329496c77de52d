#pragma once

#include "tests/aggregate/aggregate_case.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

using Rows = std::vector<std::vector<double>>;

/// Draws rows of N(1, 1), which a float holds exactly, so that float and
/// double rows have the same values.
Rows DrawRows(std::uint64_t seed, std::int64_t rows, std::int64_t dimension);

/// Joins rows by a whole defence, as float or as double rows.
Result Join(const Pipeline& pipeline,
            const Rows& rows,
            const Context& context,
            bool as_float);
/// The same by a rule alone.
std::vector<double> Joined(const std::string& rule,
                           const Rows& rows,
                           const Context& context = {},
                           bool as_float = false);

/// Compares a rule to 1e-13 with a slow form of it on drawn rows, as float and
/// as double: for every n, 1 to 300 coordinates, and 0, 1, n / 5 and the most
/// adversaries that n > 2f allows.
void ExpectEquals(
    const std::string& rule,
    const std::vector<std::int64_t>& sizes,
    const std::function<std::vector<double>(const Rows&, std::size_t f)>& slow);

/// Returns what a pre-aggregator makes of float64 rows.
Rows Staged(const std::string& stage,
            const Rows& rows,
            const Context& context = {});

/// Puts each kind of hostile or degenerate row in place of the first f of n
/// rows, as float and as double rows, also behind nnm, bucketing, clipping and
/// arc where n allows: the answer must be finite, the same in a second call
/// and, where `bounded`, as near to the honest mean as honest rows are to each
/// other; the rows must be left alone. Also joins identical rows and, where
/// `n` allows, one row alone.
void ExpectSurvives(const std::string& rule,
                    std::int64_t n,
                    std::int64_t f,
                    bool bounded);

/// Euclidean distance.
double Distance(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace fedtorch::aggregate
