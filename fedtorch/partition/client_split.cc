#include "fedtorch/partition/client_split.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/partition/apportionment.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace fedtorch::partition {
namespace {

constexpr std::size_t kParts = 3;

std::vector<std::int64_t> CountsOf(
    std::int64_t size, const std::array<double, kParts>& fractions) {
  std::vector<std::int64_t> counts = LargestRemainder(fractions, size);
  if (size > 0 && counts[0] == 0) {
    --*std::max_element(counts.begin(), counts.end());
    counts[0] = 1;
  }
  return counts;
}

}  // namespace

ClientSplit SplitClients(const ClientShards& shards,
                         double train,
                         double validation,
                         double test,
                         std::uint64_t seed) {
  FEDTORCH_CHECK(train > 0.0 && validation >= 0.0 && test >= 0.0 &&
                     std::abs(train + validation + test - 1.0) < 1e-9,
                 "fractions must be >= 0, train > 0, and sum to 1");
  const std::array<double, kParts> fractions{train, validation, test};
  std::array<ClientShards, kParts> parts;
  for (std::int64_t client = 0; client < shards.num_clients(); ++client) {
    const auto counts = CountsOf(shards.SizeOf(client), fractions);
    for (std::size_t part = 0; part < kParts; ++part) {
      parts[part].offsets.push_back(parts[part].offsets.back() + counts[part]);
    }
  }
  for (ClientShards& part : parts) {
    part.indices.resize(static_cast<std::size_t>(part.offsets.back()));
  }

  tbb::parallel_for(
      std::int64_t{0}, shards.num_clients(), [&](std::int64_t client) {
        const auto samples = shards.Of(client);
        // The part of each sample, shuffled: the samples keep their order.
        std::vector<std::uint8_t> part_of_sample;
        part_of_sample.reserve(samples.size());
        for (std::size_t part = 0; part < kParts; ++part) {
          part_of_sample.insert(
              part_of_sample.end(),
              static_cast<std::size_t>(parts[part].SizeOf(client)),
              static_cast<std::uint8_t>(part));
        }
        core::Stream::Named(
            seed, "client_split", {static_cast<std::uint64_t>(client)})
            .Shuffle(std::span(part_of_sample));
        std::array<std::size_t, kParts> next{};
        for (std::size_t part = 0; part < kParts; ++part) {
          next[part] = static_cast<std::size_t>(
              parts[part].offsets[static_cast<std::size_t>(client)]);
        }
        for (std::size_t i = 0; i < samples.size(); ++i) {
          const std::size_t part = part_of_sample[i];
          parts[part].indices[next[part]++] = samples[i];
        }
      });
  return {std::move(parts[0]), std::move(parts[1]), std::move(parts[2])};
}

}  // namespace fedtorch::partition
