// What holds for every training method.
#include "fedtorch/core/errors.h"
#include "tests/algorithm/federation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::algorithm {
namespace {

using support::DrawQuadratics;
using support::LocalWork;

// The keys that a kind demands.
std::string Config(std::string_view name) {
  std::string yaml = "{name: " + std::string(name);
  if (name == "fedprox") yaml += ", mu: 0.3";
  return yaml + "}";
}

// Momentum on the server, so that a resumed run needs its state as well.
class MomentumStep final : public server::Optimizer {
 public:
  void Step(std::span<double> model, std::span<const double> delta) override {
    buffer_.resize(model.size());
    for (std::size_t j = 0; j < model.size(); ++j) {
      buffer_[j] = 0.3 * buffer_[j] + delta[j];
      model[j] += buffer_[j];
    }
  }
  server::State SaveState() const override { return {{"buffer", buffer_}}; }
  void LoadState(const server::State& state) override {
    buffer_ = state.at("buffer");
  }

 private:
  std::vector<double> buffer_;
};

class EveryKind : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Method> Make() const {
    return MakeMethod(Config(GetParam()));
  }
};

TEST_P(EveryKind, ResumedRunEqualsTheUninterruptedOne) {
  const auto clients = DrawQuadratics(1, 10, 5);
  const LocalWork work{.lr = 0.05};
  const auto whole_method = Make();
  MomentumStep whole_step;
  Federation<double> whole(*whole_method, clients, work);
  whole.optimizer = &whole_step;
  whole.Rounds(24, 4);

  const auto first_method = Make();
  MomentumStep first_step;
  Federation<double> first(*first_method, clients, work);
  first.optimizer = &first_step;
  first.Rounds(11, 4);
  const server::State saved = first_method->SaveState();

  const auto second_method = Make();
  MomentumStep second_step;
  second_step.LoadState(first_step.SaveState());
  Federation<double> second(*second_method, clients, work);
  second.optimizer = &second_step;
  second_method->LoadState(saved);
  second.model = first.model;
  second.states = first.states;
  second.round = first.round;
  second.Rounds(13, 4);
  EXPECT_EQ(second.model, whole.model);
  EXPECT_EQ(second.states, whole.states);
  EXPECT_EQ(second_method->SaveState(), whole_method->SaveState());
}

TEST_P(EveryKind, WorksInFloatAsInDouble) {
  const auto clients = DrawQuadratics(2, 10, 5);
  const LocalWork work{.lr = 0.05, .momentum = 0.5};
  const auto exact_method = Make();
  const auto method = Make();
  Federation<double> exact(*exact_method, clients, work);
  Federation<float> rounded(*method, clients, work);
  exact.Rounds(30, 5);
  rounded.Rounds(30, 5);
  const std::vector<double> origin(5, 0.0);
  EXPECT_LT(Distance(rounded.model, exact.model),
            1e-5 * Distance(exact.model, origin));
}

TEST_P(EveryKind, ClientsThatTakeNoStepChangeNothing) {
  const auto clients = DrawQuadratics(3, 4, 5);
  const auto method = Make();
  // Its step does not depend on the local work; a client without samples is
  // tested with the kind.
  if (GetParam() == "fedsgd") return;
  Federation<double> federation(*method, clients, {});
  federation.Rounds(3, 4);
  for (LocalWork& work : federation.works) work.steps = 0;
  const std::vector<double> before = federation.model;
  const auto states = federation.states;
  const server::State saved = method->SaveState();
  federation.Rounds(1, 4);
  for (const auto& [client, update] : federation.last) {
    EXPECT_THAT(update.delta, testing::Each(0.0));
    for (const auto& [name, vector] : update.extra) {
      EXPECT_THAT(vector, testing::Each(0.0)) << name;
    }
  }
  EXPECT_EQ(federation.states, states);
  EXPECT_EQ(method->SaveState(), saved);
  for (const double entry : federation.model) {
    EXPECT_TRUE(std::isfinite(entry));
  }
  // FedDyn moves by -h/alpha whoever took part; the others stand still.
  if (GetParam() != "feddyn") {
    EXPECT_EQ(federation.model, before);
  }
}

TEST_P(EveryKind, ClientsThatNeverTookAStepOwnNothing) {
  const auto method = Make();
  Federation<double> federation(*method, DrawQuadratics(8, 4, 5), {.steps = 0});
  federation.Rounds(2, 4);
  for (const auto& state : federation.states) EXPECT_TRUE(state.empty());
}

TEST_P(EveryKind, AnEmptyCohortLeavesFiniteNumbers) {
  const auto method = Make();
  Federation<double> federation(*method, DrawQuadratics(4, 4, 5), {});
  federation.Rounds(2, 4);
  federation.Round({});
  for (const double entry : federation.model) {
    EXPECT_TRUE(std::isfinite(entry));
  }
}

TEST_P(EveryKind, RelabellingTheClientsLeavesTheModelAlone) {
  const auto clients = DrawQuadratics(5, 6, 5);
  auto relabelled = clients;
  std::reverse(relabelled.begin(), relabelled.end());
  const auto left_method = Make();
  const auto right_method = Make();
  Federation<double> left(*left_method, clients, {});
  Federation<double> right(*right_method, relabelled, {});
  for (int round = 0; round < 12; ++round) {
    std::vector<std::int64_t> drawn = left.Draw(3);
    left.Round(drawn);
    for (std::int64_t& client : drawn) client = 5 - client;
    right.Round(drawn);
  }
  // The mean is the same to the bit in any order; weights and the effective
  // work of fednova are summed in the order of the labels.
  EXPECT_LT(LargestDifference(left.model, right.model), 1e-13);
  std::reverse(right.states.begin(), right.states.end());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    ASSERT_EQ(left.states[i].size(), right.states[i].size());
    for (const auto& [name, vector] : left.states[i]) {
      EXPECT_LT(LargestDifference(vector, right.states[i].at(name)), 1e-12);
    }
  }
}

TEST_P(EveryKind, MultiplyingAllSampleCountsChangesNothing) {
  const auto clients = DrawQuadratics(6, 6, 5);
  auto multiplied = clients;
  for (support::Quadratic& client : multiplied) client.samples *= 7;
  const auto left_method = Make();
  const auto right_method = Make();
  Federation<double> left(*left_method, clients, {});
  Federation<double> right(*right_method, multiplied, {});
  left.Rounds(12, 3);
  right.Rounds(12, 3);
  EXPECT_EQ(left.model, right.model);
}

TEST_P(EveryKind, NamesWhatItKeepsAndSends) {
  const auto method = Make();
  Federation<double> federation(*method, DrawQuadratics(7, 4, 5), {});
  federation.Round({2});
  const client::Update<double>& update = federation.last.at(2);
  std::vector<std::string> extra;
  for (const auto& entry : update.extra) extra.push_back(entry.first);
  std::vector<std::string> state;
  for (const auto& entry : update.state) state.push_back(entry.first);
  EXPECT_EQ(extra, method->extra_names());
  EXPECT_EQ(state, method->state_names());
  // A client that was never drawn owns nothing.
  EXPECT_TRUE(federation.states[0].empty());
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         EveryKind,
                         testing::Values("fedavg",
                                         "feddyn",
                                         "fednova",
                                         "fedprox",
                                         "fedsgd",
                                         "scaffold"),
                         [](const auto& kind) { return kind.param; });

TEST(Kinds, AreNamedAfterTheirFilesAndCiteASource) {
  const auto kinds = Kinds();
  const auto stems = KindFileStems();
  ASSERT_EQ(kinds.size(), stems.size());
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_EQ(kinds[i]->name, stems[i]);
    EXPECT_FALSE(kinds[i]->summary.empty());
    EXPECT_FALSE(kinds[i]->source.empty());
    names.push_back(kinds[i]->name);
  }
  EXPECT_THAT(
      names,
      testing::IsSupersetOf(
          {"fedavg", "feddyn", "fednova", "fedprox", "fedsgd", "scaffold"}));
}

// The methods whose papers average uniformly say so.
TEST(Kinds, TakeTheWeightingOfTheirPapers) {
  for (const std::string_view name :
       {"fedavg", "fednova", "fedprox", "fedsgd"}) {
    EXPECT_EQ(MakeMethod(Config(name))->default_weighting(),
              aggregate::Weighting::kSamples)
        << name;
  }
  for (const std::string_view name : {"feddyn", "scaffold"}) {
    EXPECT_EQ(MakeMethod(Config(name))->default_weighting(),
              aggregate::Weighting::kUniform)
        << name;
  }
}

TEST(Kinds, FromOutsideJoinTheTableOnce) {
  static constexpr Kind kOutside{.name = "outside",
                                 .summary = "Is fedavg by another name.",
                                 .source = "this test",
                                 .make = [](config::Section& section) {
                                   return Kinds().front()->make(section);
                                 }};
  const std::size_t before = AllKinds().size();
  Use(kOutside);
  ASSERT_EQ(AllKinds().size(), before + 1);
  EXPECT_EQ(AllKinds().back(), &kOutside);
  EXPECT_THROW(Use(kOutside), core::Bug);
  EXPECT_THROW(Use(*Kinds().front()), core::Bug);
}

TEST(Kinds, RefuseKeysOutOfRange) {
  for (const std::string yaml : {"{name: fedprox}",
                                 "{name: fedprox, mu: -0.1}",
                                 "{name: scaffold, option: 3}",
                                 "{name: feddyn, alpha: 0}",
                                 "{name: fedavg, mu: 1}"}) {
    EXPECT_THROW(MakeMethod(yaml), core::ConfigError) << yaml;
  }
}

}  // namespace
}  // namespace fedtorch::algorithm
