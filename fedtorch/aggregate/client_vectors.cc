#include "fedtorch/aggregate/client_vectors.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fedtorch::aggregate {

void SaveClients(const std::string& name,
                 const ClientVectors& clients,
                 State* state) {
  for (const auto& [client, values] : clients) {
    (*state)[name + "/" + std::to_string(client)] = values;
  }
}

ClientVectors LoadClients(const std::string& name, const State& state) {
  ClientVectors clients;
  const std::string prefix = name + "/";
  for (const auto& [key, values] : state) {
    if (key.rfind(prefix, 0) != 0) continue;
    std::int64_t client = 0;
    const char* last = key.data() + key.size();
    const auto read = std::from_chars(key.data() + prefix.size(), last, client);
    // Deeper names belong to somebody else.
    if (read.ec != std::errc() || read.ptr != last) continue;
    clients[client] = values;
  }
  return clients;
}

std::vector<double> LoadVector(const std::string& name, const State& state) {
  const auto found = state.find(name);
  return found == state.end() ? std::vector<double>() : found->second;
}

double InnerProduct(std::span<const double> x, std::span<const double> y) {
  double sum = 0.0;
  for (std::size_t k = 0; k < x.size(); ++k) sum += x[k] * y[k];
  return sum;
}

double CosineOf(double product, double squared_x, double squared_y) {
  const double length = std::sqrt(squared_x) * std::sqrt(squared_y);
  const double cosine = product / length;
  return length > 0.0 && std::isfinite(cosine) ? std::clamp(cosine, -1.0, 1.0)
                                               : 0.0;
}

}  // namespace fedtorch::aggregate
