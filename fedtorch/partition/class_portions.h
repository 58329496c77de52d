#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/class_lists.h"
#include "fedtorch/partition/partitioner.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::partition {

/// Who gets how much of each class: one list a class. At most as many entries
/// as there are samples, however many clients and classes.
using ClassPortions = std::vector<std::vector<Portion>>;

/// Sums the portions of each client, [num_clients].
std::vector<std::int64_t> ClientSizes(const ClassPortions& portions,
                                      std::int64_t num_clients);

/// Hands out each class in the order of its list and of its portions.
/// Requires: the portions of a class sum to at most its size; what they leave
/// stays unassigned.
Split SplitByPortions(const ClassLists& lists,
                      const ClassPortions& portions,
                      std::int64_t num_clients);

/// Reads the key `alpha`, the concentration of a Dirichlet distribution, with
/// the names that other frameworks give it.
double ReadAlpha(config::Section& section, std::string_view help);

}  // namespace fedtorch::partition
