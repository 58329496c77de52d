#pragma once

#include "fedtorch/server/optimizer.h"

#include <initializer_list>
#include <string_view>

namespace fedtorch::server {

/// Checks that a saved state has exactly these names.
/// Throws: RunError naming `optimizer`, the names expected and those found.
void RequireNames(const State& state,
                  std::string_view optimizer,
                  std::initializer_list<std::string_view> names);

/// Checks the size of a saved vector. `expected` = 0 takes any size, for an
/// optimiser that has not stepped yet does not know its own.
/// Throws: RunError.
void RequireSize(const State& state,
                 std::string_view optimizer,
                 std::string_view name,
                 std::size_t expected);

/// Returns a saved whole number >= 0. Throws: RunError.
double RequireCount(const State& state,
                    std::string_view optimizer,
                    std::string_view name);

}  // namespace fedtorch::server
