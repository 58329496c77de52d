#include "fedtorch/server/saved_state.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::server {
namespace {

constexpr std::string_view kAdvice =
    "; resume with the server.optimizer that the run was started with";

template <class Names, class NameOf>
std::string Listed(const Names& names, NameOf name_of) {
  std::string text;
  for (const auto& entry : names) {
    if (!text.empty()) text += ", ";
    text += name_of(entry);
  }
  return text.empty() ? "none" : text;
}

[[noreturn]] void Refuse(std::string_view optimizer, const std::string& what) {
  throw core::RunError("saved state does not fit the server optimiser " +
                       std::string(optimizer) + ": " + what +
                       std::string(kAdvice));
}

}  // namespace

void RequireNames(const State& state,
                  std::string_view optimizer,
                  std::initializer_list<std::string_view> names) {
  const bool fits =
      state.size() == names.size() &&
      std::all_of(names.begin(), names.end(), [&](std::string_view name) {
        return state.contains(std::string(name));
      });
  if (fits) return;
  Refuse(optimizer,
         "expected vectors " +
             Listed(names, [](auto name) { return std::string(name); }) +
             ", found " +
             Listed(state, [](const auto& entry) { return entry.first; }));
}

void RequireSize(const State& state,
                 std::string_view optimizer,
                 std::string_view name,
                 std::size_t expected) {
  const std::size_t found = state.at(std::string(name)).size();
  if (expected == 0 || found == expected) return;
  Refuse(optimizer,
         "expected " + std::to_string(expected) + " values of " +
             std::string(name) + ", found " + std::to_string(found));
}

double RequireCount(const State& state,
                    std::string_view optimizer,
                    std::string_view name) {
  RequireSize(state, optimizer, name, 1);
  const double count = state.at(std::string(name)).front();
  if (!(count >= 0.0) || count != std::floor(count)) {
    Refuse(optimizer,
           "expected a whole number of " + std::string(name) + ", found " +
               std::to_string(count));
  }
  return count;
}

}  // namespace fedtorch::server
