#include "fedtorch/attack/attack.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/kind_table.h"

namespace fedtorch::attack {
namespace {

core::KindTable<Kind>& Table() {
  static core::KindTable<Kind> table(Kinds());
  return table;
}

}  // namespace

std::string Attack::Obstacle(std::int64_t /*n*/, std::int64_t /*f*/) const {
  return {};
}

Crafted Attack::Craft(const Scene& /*scene*/) {
  FEDTORCH_CHECK(false, "an attack that crafts overrides Craft");
}

std::unique_ptr<client::Tampering> Attack::Tamper(const Turn& /*turn*/) const {
  return nullptr;
}

std::span<const Kind* const> AllKinds() { return Table().All(); }

void Use(const Kind& kind) { Table().Use(kind); }

}  // namespace fedtorch::attack
