#pragma once

#include "fedtorch/study/sweep_file.h"

#include <string>
#include <vector>

namespace fedtorch::study {

/// Holds what a trial is called in each role; "" where the role says nothing.
struct TrialLabel {
  std::string defence;        ///< "krum", "nnm+krum", "trimmed_mean(beta=0.2)"
  std::string attack;         ///< "alie", "sign_flip(scale=10)"
  std::string byzantine;      ///< "f=2"
  std::string heterogeneity;  ///< "dirichlet(alpha=0.1)"
  std::string setting;        ///< "lr=0.1, momentum=0.9"
};

/// Says which roles the axes of a sweep have.
struct SweepRoles {
  bool defence = false;
  bool attack = false;
  bool byzantine = false;
  bool heterogeneity = false;
  bool setting = false;
};
SweepRoles RolesOf(const FrozenSweep& sweep);

/// Labels every trial of a sweep, in its order. Where an axis holds only a part
/// of a section, as server.aggregator.f does, the name comes from the config.
/// Keys of settings are shortened to the last steps that tell them apart.
std::vector<TrialLabel> LabelTrials(const FrozenSweep& sweep);

}  // namespace fedtorch::study
