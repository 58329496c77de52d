#include "fedtorch/partition/skew.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/hash.h"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::partition {
namespace {

/// Counts the targets of one client into `tally` [num_classes], which is all
/// zeros before and after.
std::vector<ClassCounts::Entry> CountOne(std::span<const std::int64_t> samples,
                                         const data::Dataset& dataset,
                                         std::vector<std::int64_t>& tally) {
  std::vector<ClassCounts::Entry> entries;
  const auto length = static_cast<std::size_t>(dataset.target_length);
  for (const std::int64_t sample : samples) {
    const auto targets =
        std::span(dataset.targets)
            .subspan(static_cast<std::size_t>(sample) * length, length);
    for (const std::int64_t label : targets) {
      if (tally[static_cast<std::size_t>(label)]++ == 0) {
        entries.push_back({label, 0});
      }
    }
  }
  for (ClassCounts::Entry& entry : entries) {
    entry.count = std::exchange(tally[static_cast<std::size_t>(entry.label)],
                                std::int64_t{0});
  }
  std::ranges::sort(entries, {}, &ClassCounts::Entry::label);
  return entries;
}

/// Adds up what a client contributes to the means of `Skew`.
void AddClient(std::span<const ClassCounts::Entry> entries,
               std::span<const double> global,
               Skew& sum) {
  double targets = 0.0;
  for (const auto& entry : entries) {
    targets += static_cast<double>(entry.count);
  }
  double entropy = 0.0;
  double top = 0.0;
  double distance = 0.0;
  double covered = 0.0;
  for (const auto& entry : entries) {
    const double share = static_cast<double>(entry.count) / targets;
    const double global_share = global[static_cast<std::size_t>(entry.label)];
    entropy -= share * std::log(share);
    top = std::max(top, share);
    distance += std::abs(share - global_share);
    covered += global_share;
  }
  // Classes that the client lacks contribute p_k each.
  distance += std::max(0.0, 1.0 - covered);
  sum.classes_present += static_cast<double>(entries.size());
  sum.label_entropy += entropy;
  sum.effective_classes += std::exp(entropy);
  sum.top_class_share += top;
  sum.tv_to_global += distance / 2.0;
}

void MeasureSizes(const ClientShards& shards, Skew& skew) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t client = 0; client < shards.num_clients(); ++client) {
    sizes.push_back(shards.SizeOf(client));
  }
  std::ranges::sort(sizes);
  const auto clients = static_cast<double>(sizes.size());
  const auto samples = static_cast<double>(skew.num_samples);
  skew.min_size = sizes.front();
  skew.max_size = sizes.back();
  skew.mean_size = samples / clients;
  if (skew.num_samples == 0) return;
  double squares = 0.0;
  double ranked = 0.0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto size = static_cast<double>(sizes[i]);
    squares += (size - skew.mean_size) * (size - skew.mean_size);
    ranked += (2.0 * static_cast<double>(i + 1) - clients - 1.0) * size;
  }
  skew.size_cv = std::sqrt(squares / clients) / skew.mean_size;
  skew.size_gini = ranked / (clients * samples);
}

}  // namespace

ClassCounts CountClasses(const ClientShards& shards,
                         const data::Dataset& dataset) {
  const std::int64_t clients = shards.num_clients();
  std::vector<std::vector<ClassCounts::Entry>> rows(
      static_cast<std::size_t>(clients));
  tbb::enumerable_thread_specific<std::vector<std::int64_t>> tallies(
      static_cast<std::size_t>(dataset.num_classes), std::int64_t{0});
  tbb::parallel_for(std::int64_t{0}, clients, [&](std::int64_t client) {
    rows[static_cast<std::size_t>(client)] =
        CountOne(shards.Of(client), dataset, tallies.local());
  });

  ClassCounts counts;
  counts.num_classes = dataset.num_classes;
  for (const auto& row : rows) {
    counts.entries.insert(counts.entries.end(), row.begin(), row.end());
    counts.offsets.push_back(static_cast<std::int64_t>(counts.entries.size()));
  }
  return counts;
}

Skew MeasureSkew(const ClientShards& shards, const data::Dataset& dataset) {
  return MeasureSkew(shards, CountClasses(shards, dataset));
}

Skew MeasureSkew(const ClientShards& shards, const ClassCounts& counts) {
  FEDTORCH_CHECK(shards.num_clients() == counts.num_clients(),
                 "counts of another partition");
  Skew skew;
  skew.num_clients = shards.num_clients();
  skew.num_samples = static_cast<std::int64_t>(shards.indices.size());
  if (skew.num_clients == 0) return skew;
  MeasureSizes(shards, skew);

  std::vector<std::int64_t> totals(static_cast<std::size_t>(counts.num_classes),
                                   0);
  std::int64_t targets = 0;
  for (const auto& entry : counts.entries) {
    totals[static_cast<std::size_t>(entry.label)] += entry.count;
    targets += entry.count;
  }
  if (targets == 0) return skew;
  std::vector<double> global;
  for (const std::int64_t total : totals) {
    global.push_back(static_cast<double>(total) / static_cast<double>(targets));
  }
  double clients = 0.0;
  for (std::int64_t client = 0; client < counts.num_clients(); ++client) {
    const auto entries = counts.Of(client);
    if (entries.empty()) continue;
    AddClient(entries, global, skew);
    clients += 1.0;
  }
  skew.classes_present /= clients;
  skew.label_entropy /= clients;
  skew.effective_classes /= clients;
  skew.top_class_share /= clients;
  skew.tv_to_global /= clients;
  return skew;
}

std::string PartitionHash(const ClientShards& shards) {
  std::string bytes;
  bytes.reserve(8 * (shards.offsets.size() + shards.indices.size()));
  const auto append = [&bytes](std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) {
      bytes.push_back(static_cast<char>((bits >> shift) & 0xff));
    }
  };
  for (const std::int64_t offset : shards.offsets) append(offset);
  for (const std::int64_t index : shards.indices) append(index);
  return core::Sha256Hex(bytes);
}

}  // namespace fedtorch::partition
