#include "fedtorch/app/kind_rows.h"

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/pre/preaggregator.h"
#include "fedtorch/algorithm/method.h"
#include "fedtorch/attack/attack.h"
#include "fedtorch/data/reader.h"
#include "fedtorch/fleet/select/selector.h"
#include "fedtorch/model/model.h"
#include "fedtorch/partition/partitioner.h"
#include "fedtorch/server/optimizer.h"

namespace fedtorch::app {
namespace {

template <class K>
void Append(std::string_view room,
            std::string_view key,
            std::span<const K* const> kinds,
            std::vector<KindRow>* rows) {
  for (const K* kind : kinds) {
    rows->push_back(
        {room,
         key,
         kind->name,
         kind->summary,
         kind->source,
         [kind](config::Section& section) { kind->make(section); }});
  }
}

}  // namespace

std::vector<KindRow> AllKindRows() {
  std::vector<KindRow> rows;
  Append("datasets", "data.dataset", data::AllKinds(), &rows);
  Append("partitions", "data.partition", partition::AllKinds(), &rows);
  Append("models", "model", model::AllKinds(), &rows);
  Append(
      "selections", "federation.selection", fleet::select::AllKinds(), &rows);
  Append("algorithms", "algorithm", algorithm::AllKinds(), &rows);
  Append("pre_aggregators",
         "server.pre_aggregators[]",
         aggregate::pre::AllKinds(),
         &rows);
  Append("aggregators", "server.aggregator", aggregate::AllKinds(), &rows);
  Append("attacks", "attack", attack::AllKinds(), &rows);
  Append("optimizers", "server.optimizer", server::AllKinds(), &rows);
  return rows;
}

}  // namespace fedtorch::app
