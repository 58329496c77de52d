#pragma once

#include "fedtorch/algorithm/method.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fedtorch::algorithm {

/// Mistakes that published implementations of SCAFFOLD (option 2) make.
enum class ScaffoldMistake {
  kStoredWithTurnedSign,  ///< c_i+ from after-minus-before differences
  kNeverStored,           ///< c_i stays 0 while c moves
  kMomentumOutside,       ///< correction beside the momentum buffer
  kDividedByStepCount,    ///< (x - y) / (K lr) with momentum
};

/// Is SCAFFOLD with one mistake, to show that the tests tell it apart.
/// `steps` and `momentum` are those of the local work.
class WrongScaffold final : public MethodOf<WrongScaffold> {
 public:
  WrongScaffold(ScaffoldMistake mistake, std::int64_t steps, double momentum)
      : mistake_(mistake), steps_(steps), momentum_(momentum) {}

  template <class Real>
  void Train(ClientContext<Real>& context) const;
  void Server(ServerContext& context) override;
  std::map<std::string, std::vector<double>> Broadcast() const override {
    return {{"control", control_}};
  }
  aggregate::Weighting default_weighting() const override {
    return aggregate::Weighting::kUniform;
  }
  void Start(std::size_t dimension) override {
    control_.assign(dimension, 0.0);
  }

 private:
  ScaffoldMistake mistake_;
  std::int64_t steps_;
  double momentum_;
  std::vector<double> control_;
};

/// Mistakes that published implementations of FedDyn make.
enum class FedDynMistake {
  kDetached,           ///< penalties without a gradient
  kUnsquaredNorm,      ///< alpha/2 ||y - x||
  kWithoutAlphaTheta,  ///< alpha <y, h - x> without the alpha * y beside it
  kTurnedDualStep,     ///< dual steps backwards, averaged over participants
};

/// Is FedDyn with one mistake. `steps` is that of the local work.
class WrongFedDyn final : public MethodOf<WrongFedDyn> {
 public:
  WrongFedDyn(FedDynMistake mistake, double alpha, std::int64_t steps)
      : mistake_(mistake), alpha_(alpha), steps_(steps) {}

  template <class Real>
  void Train(ClientContext<Real>& context) const;
  void Server(ServerContext& context) override;
  aggregate::Weighting default_weighting() const override {
    return aggregate::Weighting::kUniform;
  }
  void Start(std::size_t dimension) override { mean_.assign(dimension, 0.0); }

 private:
  FedDynMistake mistake_;
  double alpha_;
  std::int64_t steps_;
  std::vector<double> mean_;
};

/// Is FedNova that normalises by the number of steps instead of ||a_i||_1.
class FedNovaByStepCount final : public MethodOf<FedNovaByStepCount> {
 public:
  template <class Real>
  void Train(ClientContext<Real>& context) const;
  void Server(ServerContext& context) override;
};

}  // namespace fedtorch::algorithm
