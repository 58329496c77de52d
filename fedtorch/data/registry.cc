#include "fedtorch/core/kind_table.h"
#include "fedtorch/data/reader.h"

namespace fedtorch::data {
namespace {

core::KindTable<Kind>& Table() {
  static core::KindTable<Kind> table(Kinds());
  return table;
}

}  // namespace

std::span<const Kind* const> AllKinds() { return Table().All(); }

void Use(const Kind& kind) { Table().Use(kind); }

}  // namespace fedtorch::data
