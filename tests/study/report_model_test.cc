#include "fedtorch/study/report_model.h"

#include "fedtorch/record/status.h"
#include "fedtorch/study/report_page.h"
#include "tests/study/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::study {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Builds a sweep and its trials by hand.
struct Hand {
  FrozenSweep sweep;
  std::vector<ReportTrial> trials;

  void Add(const std::vector<std::string>& values,
           double test,
           std::optional<double> validation = std::nullopt,
           TrialState state = TrialState::kDone) {
    const std::string id = "t" + std::to_string(trials.size());
    sweep.trials.push_back({id, id, 0, values, "{}"});
    ReportTrial trial;
    trial.status.state = state;
    if (state == TrialState::kDone) {
      trial.test = {{0, 0.1}, {10, test}};
      if (validation) trial.validation = {{0, 0.1}, {10, *validation}};
    }
    trials.push_back(trial);
  }
  Report Build(const std::string& metric = "test/accuracy") const {
    return BuildReport(sweep, trials, metric);
  }
};

TEST(BuildReport, AveragesOverSeedsAndFindsTheWorstAttack) {
  Hand hand{{"s", {"server.aggregator", "attack", "seed"}, {}}, {}};
  hand.Add({"mean", "none", "0"}, 0.9);
  hand.Add({"mean", "none", "1"}, 0.8);
  hand.Add({"mean", "alie", "0"}, 0.2);
  hand.Add({"mean", "alie", "1"}, 0.4);
  hand.Add({"median", "none", "0"}, 0.7);
  hand.Add({"median", "none", "1"}, 0.7);
  hand.Add({"median", "alie", "0"}, 0.6);
  hand.Add({"median", "alie", "1"}, 0.6);
  const Report report = hand.Build();
  ASSERT_EQ(report.panels.size(), 1u);
  EXPECT_EQ(report.attacks, (std::vector<std::string>{"none", "alie"}));
  const auto& rows = report.panels[0].rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].label, "mean");
  EXPECT_DOUBLE_EQ(rows[0].cells[0].final.mean, 0.85);
  EXPECT_DOUBLE_EQ(rows[0].cells[1].final.mean, 0.3);
  EXPECT_NEAR(rows[0].cells[1].final.deviation, std::sqrt(0.02), 1e-15);
  EXPECT_EQ(rows[0].worst, 1u);
  EXPECT_EQ(BestRow(report, report.panels[0]), 1u);
  ASSERT_EQ(rows[0].cells[1].curve.points.size(), 2u);
  EXPECT_EQ(rows[0].cells[1].curve.points[1].round, 10);
  EXPECT_DOUBLE_EQ(rows[0].cells[1].curve.points[1].mean, 0.3);
  EXPECT_EQ(report.seeds, 2u);
}

TEST(BuildReport, ALossIsWorstWhereItIsHighest) {
  Hand hand{{"s", {"server.aggregator", "attack"}, {}}, {}};
  hand.Add({"mean", "none"}, 0.5);
  hand.Add({"mean", "alie"}, 2.5);
  hand.Add({"median", "none"}, 0.9);
  hand.Add({"median", "alie"}, 1.0);
  const Report report = hand.Build("test/loss");
  EXPECT_EQ(report.panels[0].rows[0].worst, 1u);
  EXPECT_EQ(BestRow(report, report.panels[0]), 1u);
}

TEST(BuildReport, AMissingFieldLeavesItsRowWithoutAWorstCase) {
  Hand hand{{"s", {"server.aggregator", "attack"}, {}}, {}};
  hand.Add({"mean", "none"}, 0.9);
  hand.Add({"mean", "alie"}, 0.0, {}, TrialState::kMissing);
  hand.Add({"median", "none"}, 0.9);
  hand.Add({"median", "alie"}, 0.0, {}, TrialState::kDiverged);
  const Report report = hand.Build();
  EXPECT_FALSE(report.panels[0].rows[0].worst);
  EXPECT_FALSE(BestRow(report, report.panels[0]));
  EXPECT_EQ(CellNote(report.panels[0].rows[0].cells[1]), "0 of 1");
  EXPECT_EQ(CellNote(report.panels[0].rows[1].cells[1]), "0 of 1, 1 diverged");
}

// lr=0.1 is best on average (0.9 and 0.3) and on test data, lr=0.2 in its worst
// case on validation data (0.5 and 0.5).
Hand WithLearningRates(bool has_validation) {
  Hand hand{{"s", {"server.aggregator", "attack", "client.optimizer.lr"}, {}},
            {}};
  const auto validation = [&](double value) {
    return has_validation ? std::optional<double>(value) : std::nullopt;
  };
  hand.Add({"mean", "none", "0.1"}, 0.99, validation(0.9));
  hand.Add({"mean", "none", "0.2"}, 0.55, validation(0.5));
  hand.Add({"mean", "alie", "0.1"}, 0.98, validation(0.3));
  hand.Add({"mean", "alie", "0.2"}, 0.45, validation(0.5));
  return hand;
}

TEST(BuildReport, ChoosesByTheBestWorstCaseOnValidationData) {
  const Report report = WithLearningRates(true).Build();
  EXPECT_EQ(report.selection, Selection::kValidation);
  ASSERT_EQ(report.panels[0].rows.size(), 1u);
  const ReportRow& row = report.panels[0].rows[0];
  EXPECT_EQ(row.chosen, "lr=0.2");
  EXPECT_DOUBLE_EQ(row.cells[0].final.mean, 0.55);
  EXPECT_DOUBLE_EQ(row.cells[1].final.mean, 0.45);
}

TEST(BuildReport, NeverChoosesByTestData) {
  const Hand hand = WithLearningRates(false);
  const Report report = hand.Build();
  EXPECT_EQ(report.selection, Selection::kRefused);
  ASSERT_EQ(report.panels[0].rows.size(), 2u);
  EXPECT_EQ(report.panels[0].rows[0].label, "mean, lr=0.1");
  EXPECT_EQ(report.panels[0].rows[1].label, "mean, lr=0.2");
  const std::string page =
      ReportPage(report, hand.sweep, hand.trials, {}, std::nullopt);
  EXPECT_THAT(page, HasSubstr("No winner is named"));
}

TEST(BuildReport, ASettingThatLacksAnAttackIsNotChosen) {
  Hand hand = WithLearningRates(true);
  hand.trials[3] = {};  // alie at 0.2 has not run yet
  EXPECT_EQ(hand.Build().panels[0].rows[0].chosen, "lr=0.1");
}

TEST(ReportTrial, ReportsTheRoundThatValidationChose) {
  ReportTrial trial;
  trial.status.state = TrialState::kDone;
  trial.test = {{1, 0.5}, {2, 0.9}, {3, 0.6}, {4, 0.4}};
  trial.validation = {{1, 0.2}, {3, 0.8}, {4, 0.8}};
  EXPECT_EQ(trial.Final(), 0.4);  // not 0.9, the best over test rounds
  EXPECT_EQ(trial.AtValidation(true), 0.6);
  EXPECT_EQ(trial.AtValidation(false), 0.5);
  trial.validation.clear();
  EXPECT_FALSE(trial.AtValidation(true));
}

TEST(BuildReport, PanelsAreHeterogeneityAndAttackers) {
  Hand hand{{"s",
             {"server.aggregator",
              "attack",
              "attack.num_byzantine",
              "data.partition.alpha"},
             {}},
            {}};
  for (const char* f : {"1", "2"}) {
    for (const char* alpha : {"0.1", "1"}) {
      hand.Add({"mean", "alie", f, alpha}, 0.5);
      hand.Add({"median", "alie", f, alpha}, 0.5);
    }
  }
  const Report report = hand.Build();
  ASSERT_EQ(report.panels.size(), 4u);
  EXPECT_EQ(report.panels[1].Title(), "(alpha=1), f=1");
  EXPECT_EQ(ByzantineFigures(report).size(), 2u);  // one for each defence
  EXPECT_EQ(HeatFigures(report).size(), 4u);
}

TEST(BuildReport, WithoutAttacksAndDefencesSettingsAreRows) {
  Hand hand{{"s", {"data.partition", "algorithm", "seed"}, {}}, {}};
  for (const char* partition : {"iid", "{name: dirichlet, alpha: 0.1}"}) {
    for (const char* algorithm : {"fedavg", "scaffold"}) {
      hand.Add({partition, algorithm, "0"}, 0.5);
    }
  }
  const Report report = hand.Build();
  ASSERT_EQ(report.panels.size(), 1u);
  ASSERT_EQ(report.panels[0].rows.size(), 4u);
  EXPECT_EQ(report.panels[0].rows[3].label,
            "dirichlet(alpha=0.1), algorithm=scaffold");
  EXPECT_TRUE(HeatFigures(report).empty());
  EXPECT_EQ(CurveFigures(report).size(), 1u);
}

TEST(ReadReportTrials, ReadsTestAndValidationOfFinishedTrials) {
  const Folder folder;
  const FrozenSweep sweep{
      "s", {}, {{"a", "a", 0, {}, "{}"}, {"b", "b", 0, {}, "{}"}}};
  const std::string lines =
      "{\"round\":0,\"test/accuracy\":0.1}\n"
      "{\"round\":1,\"train/loss\":2.0}\n"
      "{\"round\":2,\"test/accuracy\":0.3,\"validation/accuracy\":0.4}\n";
  folder.Write("trials/a/metrics.jsonl", lines);
  folder.Write("trials/a/status.json",
               record::StatusJson({.state = record::RunState::kDone}));
  folder.Write("trials/b/metrics.jsonl", lines);
  folder.Write("trials/b/status.json",
               record::StatusJson({.state = record::RunState::kRunning}));
  const auto trials = ReadReportTrials(folder.path(), sweep, "test/accuracy");
  EXPECT_EQ(trials[0].test, (Course{{0, 0.1}, {2, 0.3}}));
  EXPECT_EQ(trials[0].validation, (Course{{2, 0.4}}));
  EXPECT_TRUE(trials[1].test.empty());
}

}  // namespace
}  // namespace fedtorch::study
