#include "fedtorch/record/partition_record.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/hash.h"
#include "fedtorch/core/json_line.h"

#include <bit>
#include <cstdint>
#include <span>

namespace fedtorch::record {
namespace {

constexpr std::int64_t kMostClasses = 1000;

static_assert(std::endian::native == std::endian::little,
              "indices are hashed as they lie in memory");

std::string SkewJson(const partition::Skew& skew) {
  return core::JsonLine()
      .Add("classes_present", skew.classes_present)
      .Add("label_entropy", skew.label_entropy)
      .Add("effective_classes", skew.effective_classes)
      .Add("top_class_share", skew.top_class_share)
      .Add("tv_to_global", skew.tv_to_global)
      .Add("mean_size", skew.mean_size)
      .Add("size_cv", skew.size_cv)
      .Add("size_gini", skew.size_gini)
      .Add("min_size", skew.min_size)
      .Add("max_size", skew.max_size)
      .ToString();
}

std::string ClassesJson(std::span<const partition::ClassCounts::Entry> counts) {
  std::string text = "{";
  for (const auto& [label, count] : counts) {
    if (text.size() > 1) text += ',';
    text += "\"" + std::to_string(label) + "\":" + std::to_string(count);
  }
  return text + "}";
}

std::string ClientJson(const PartitionRecord& record,
                       std::int64_t client,
                       bool with_classes) {
  const auto slot = static_cast<std::size_t>(client);
  const partition::Split& split = record.split;
  core::JsonLine line;
  line.Add("client", client);
  if (!split.client_names.empty()) line.Add("name", split.client_names[slot]);
  line.Add("samples", split.shards.SizeOf(client));
  line.Add("train", record.sets.train.SizeOf(client));
  line.Add("validation", record.sets.validation.SizeOf(client));
  line.Add("test", record.sets.test.SizeOf(client));
  line.Add("indices_sha256",
           core::Sha256Hex(std::as_bytes(split.shards.Of(client))));
  if (!split.feature_noise.empty()) {
    line.Add("feature_noise", split.feature_noise[slot]);
  }
  std::string text = line.ToString();
  if (with_classes) {
    text.back() = ',';
    text += "\"classes\":" + ClassesJson(record.counts.Of(client)) + "}";
  }
  return text;
}

}  // namespace

std::string PartitionJson(const PartitionRecord& record) {
  const std::int64_t clients = record.split.shards.num_clients();
  FEDTORCH_CHECK(record.sets.train.num_clients() == clients &&
                     record.counts.num_clients() == clients,
                 "split, sets and counts are of different partitions");
  const bool with_classes = record.counts.num_classes <= kMostClasses;
  std::string text =
      core::JsonLine()
          .Add("partition", record.kind)
          .Add("partition_hash", partition::PartitionHash(record.split.shards))
          .Add("num_clients", clients)
          .Add("num_samples", record.skew.num_samples)
          .Add("unassigned_samples", record.split.unassigned)
          .Add("num_classes", record.counts.num_classes)
          .ToIndented();
  text.resize(text.size() - 3);  // "\n}\n"
  if (!with_classes) {
    text += ",\n  \"note\": \"counts of classes are left out: more than " +
            std::to_string(kMostClasses) + " classes\"";
  }
  text += ",\n  \"skew\": " + SkewJson(record.skew);
  text += ",\n  \"clients\": [";
  for (std::int64_t client = 0; client < clients; ++client) {
    text += client == 0 ? "\n    " : ",\n    ";
    text += ClientJson(record, client, with_classes);
  }
  return text + "\n  ]\n}\n";
}

}  // namespace fedtorch::record
