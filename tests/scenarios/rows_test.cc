// fedrun aggregate and fedrun attack on the published vectors.
//
// Inputs and values: robustness 1.3 and the entries of its sections 2 to 4;
// where a value stands there with few digits it is compared to these.

#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace fedtorch::scenarios {
namespace {

using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;
using Json = nlohmann::json;

const char* const kA = "1,2,3\n4,5,6\n7,8,9\n";
const char* const kB = "1,2,3\n-1,4,-1\n2,2,3\n3,1,3\n";
const char* const kC = "1,0\n1.1,.1\n.9,-.1\n1,.2\n1.2,0\n.8,.1\n-5,5\n";

struct Golden {
  const char* rows;
  std::vector<std::string> words;  // behind the file
  std::vector<double> expected;
  double tolerance = 1e-9;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  for (const std::string& word : golden.words) *out << word << ' ';
}

class GoldenRule : public testing::TestWithParam<Golden> {};

TEST_P(GoldenRule, GivesThePublishedVector) {
  const Scratch scratch;
  std::vector<std::string> words{"aggregate",
                                 scratch.Write("rows.csv", GetParam().rows)};
  words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
  words.insert(words.end(), {"--precision", "float64"});
  const Ended ended = Fedrun(words);
  ASSERT_EQ(ended.code, 0) << ended.errors;
  const Json json = Json::parse(ended.output);
  EXPECT_THAT(json.at("vector").get<std::vector<double>>(),
              Pointwise(DoubleNear(GetParam().tolerance), GetParam().expected));
  EXPECT_TRUE(json.contains("kept"));
  EXPECT_TRUE(json.contains("scores"));
}

INSTANTIATE_TEST_SUITE_P(
    Robustness,
    GoldenRule,
    testing::Values(
        Golden{kA, {"--rule", "mean"}, {4, 5, 6}},
        Golden{kA, {"--rule", "median"}, {4, 5, 6}},
        Golden{kA, {"--rule", "{name: trimmed_mean, f: 1}"}, {4, 5, 6}},
        Golden{kA, {"--rule", "{name: meamed, f: 1}"}, {2.5, 3.5, 4.5}},
        Golden{kA,
               {"--rule",
                "{name: geometric_median, start: zero, nu: 0.1, relative: "
                "false, iterations: 3, tolerance: 0}"},
               {3.787887641179713, 4.787887641179712, 5.787887641179712}},
        Golden{
            kA, {"--rule", "{name: krum, f: 1, neighbors: n-f-1}"}, {1, 2, 3}},
        Golden{kA,
               {"--rule", "{name: multi_krum, f: 1, m: 2, neighbors: n-f-1}"},
               {2.5, 3.5, 4.5}},
        Golden{kA, {"--rule", "{name: mda, f: 1}"}, {2.5, 3.5, 4.5}},
        Golden{kC, {"--rule", "{name: mva, f: 1}"}, {1.0, 0.05}},
        Golden{kA, {"--rule", "{name: smea, f: 1}"}, {2.5, 3.5, 4.5}},
        Golden{kA, {"--rule", "{name: caf, f: 1}"}, {4, 5, 6}},
        Golden{
            kA, {"--rule", "{name: monna, f: 1, client: 1}"}, {2.5, 3.5, 4.5}},
        Golden{kA,
               {"--rule",
                "{name: centered_clipping, tau: 100, iterations: 1, start: "
                "zero}"},
               {4, 5, 6}},
        Golden{kB,
               {"--rule", "clipped_clustering"},
               {1.9596, 1.6532, 2.9596},
               5e-5},
        // The pipeline of ByzFL's documentation.
        Golden{kA,
               {"--pre",
                "{name: static_clipping, max_norm: 2}",
                "--pre",
                "{name: nnm, f: 1}",
                "--rule",
                "{name: trimmed_mean, f: 1}"},
               {0.95841302, 1.14416941, 1.3299258},
               5e-9},
        Golden{kA,
               {"--pre", "{name: nnm, f: 1}", "--rule", "mean"},
               {3.5, 4.5, 5.5}},
        Golden{kA,
               {"--pre", "{name: arc, f: 1}", "--rule", "mean"},
               {(1 + 4 + 4.4100400914557945) / 3,
                (2 + 5 + 5.040045818806622) / 3,
                (3 + 6 + 5.670051546157449) / 3}},
        Golden{kA,
               {"--pre", "{name: bucketing, size: 3}", "--rule", "mean"},
               {4, 5, 6}}));

TEST(Aggregate, TakesTheServersOwnUpdate) {
  const Scratch scratch;
  const Ended ended = Fedrun({"aggregate",
                              scratch.Write("rows.csv", kC),
                              "--rule",
                              "fltrust",
                              "--server-update",
                              scratch.Write("root.csv", "1,0\n"),
                              "--precision",
                              "float64"});
  ASSERT_EQ(ended.code, 0) << ended.errors;
  EXPECT_THAT(
      Json::parse(ended.output).at("vector").get<std::vector<double>>(),
      Pointwise(DoubleNear(1e-6), std::vector<double>{.993816, .049608}));
}

TEST(Aggregate, SaysWhichRowsWereKept) {
  const Scratch scratch;
  const Ended ended = Fedrun({"aggregate",
                              scratch.Write("rows.csv", kC),
                              "--rule",
                              "{name: multi_krum, f: 1, m: 2}"});
  ASSERT_EQ(ended.code, 0) << ended.errors;
  const Json json = Json::parse(ended.output);
  EXPECT_EQ(json.at("kept").size(), 2u);
  EXPECT_EQ(json.at("scores").size(), 7u);
}

TEST(Aggregate, LeavesOutRowsThatAreNotFinite) {
  const Scratch scratch;
  const std::string rows = scratch.Write(
      "rows.csv", std::string("nan,1,1\n1,inf,1\n") + kA + "2,3,4\n");
  for (const char* rule : {"median",
                           "{name: trimmed_mean, f: 2}",
                           "{name: krum, f: 2, neighbors: "
                           "n-f-1}"}) {
    const Ended ended = Fedrun({"aggregate", rows, "--rule", rule});
    ASSERT_EQ(ended.code, 0) << ended.errors;
    const Json printed = Json::parse(ended.output);
    for (const Json& value : printed.at("vector")) {
      EXPECT_TRUE(value.is_number()) << rule;
    }
  }
  const Ended none = Fedrun(
      {"aggregate", scratch.Write("nan.csv", "nan,1\n"), "--rule", "median"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.errors, HasSubstr("none of the 1 updates is finite"));
}

TEST(Aggregate, RefusesWhatCannotBe) {
  const Scratch scratch;
  const std::string rows = scratch.Write("rows.csv", kA);
  const Ended small =
      Fedrun({"aggregate", rows, "--rule", "{name: krum, f: 1}"});
  EXPECT_EQ(small.code, 2);
  EXPECT_THAT(small.errors,
              HasSubstr("krum needs n >= 2f + 3 = 5 updates, found n = 3 with "
                        "f = 1"));
  const Ended untold = Fedrun({"aggregate", rows, "--rule", "trimmed_mean"});
  EXPECT_EQ(untold.code, 2);
  EXPECT_THAT(untold.errors, HasSubstr("--declared-f"));
  const Ended unknown = Fedrun({"aggregate", rows, "--rule", "kurm"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("did you mean 'krum'"));
  const Ended words = Fedrun({"aggregate",
                              scratch.Write("bad.csv", "a,b\n1,2\n"),
                              "--rule",
                              "median"});
  EXPECT_EQ(words.code, 4);
  EXPECT_THAT(words.errors, HasSubstr("bad.csv:1: column 1"));
  const Ended ragged = Fedrun({"aggregate",
                               scratch.Write("ragged.csv", "1,2\n1\n"),
                               "--rule",
                               "median"});
  EXPECT_EQ(ragged.code, 4);
  EXPECT_THAT(ragged.errors, HasSubstr("expected 2 numbers"));
  EXPECT_EQ(Fedrun({"aggregate", "absent.csv", "--rule", "median"}).code, 4);
}

class GoldenAttack : public testing::TestWithParam<Golden> {};

TEST_P(GoldenAttack, CraftsThePublishedVector) {
  const Scratch scratch;
  std::vector<std::string> words{"attack",
                                 scratch.Write("rows.csv", GetParam().rows)};
  words.insert(words.end(), GetParam().words.begin(), GetParam().words.end());
  words.insert(words.end(), {"--precision", "float64"});
  const Ended ended = Fedrun(words);
  ASSERT_EQ(ended.code, 0) << ended.errors;
  const Json vectors = Json::parse(ended.output).at("vectors");
  ASSERT_EQ(vectors.size(), 1u);
  EXPECT_THAT(vectors.at(0).get<std::vector<double>>(),
              Pointwise(DoubleNear(GetParam().tolerance), GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    Robustness,
    GoldenAttack,
    testing::Values(
        Golden{kA, {"--attack", "sign_flip"}, {-4, -5, -6}},
        Golden{kA, {"--attack", "{name: ipm, epsilon: 2}"}, {-8, -10, -12}},
        Golden{kA,
               {"--attack", "{name: alie, z: 1.5, sign: plus, ddof: 1}"},
               {8.5, 9.5, 10.5}},
        Golden{kA, {"--attack", "mimic"}, {1, 2, 3}},
        Golden{kA,
               {"--attack",
                "opt_ipm",
                "--pre",
                "{name: nnm, f: 1}",
                "--pre",
                "{name: static_clipping, max_norm: 2}",
                "--rule",
                "{name: trimmed_mean, f: 1}"},
               {-2.74877907, -3.43597384, -4.1231686},
               5e-9},
        Golden{kA,
               {"--attack",
                "opt_alie",
                "--pre",
                "{name: nnm, f: 1}",
                "--pre",
                "{name: static_clipping, max_norm: 2}",
                "--rule",
                "{name: trimmed_mean, f: 1}"},
               {12.91985116, 13.91985116, 14.91985116},
               5e-9}));

TEST(Attack, WritesARowForEachAdversary) {
  const Scratch scratch;
  const std::string rows = scratch.Write("rows.csv", kC);
  const Ended ended =
      Fedrun({"attack", rows, "--attack", "byz_mean", "--num-byzantine", "3"});
  ASSERT_EQ(ended.code, 0) << ended.errors;
  EXPECT_EQ(Json::parse(ended.output).at("vectors").size(), 3u);
  // Equal calls craft equal vectors.
  const std::vector<std::string> noise{
      "attack", rows, "--attack", "gaussian", "--seed", "4"};
  EXPECT_EQ(Fedrun(noise).output, Fedrun(noise).output);
}

TEST(Attack, RefusesWhatCannotBe) {
  const Scratch scratch;
  const std::string rows = scratch.Write("rows.csv", kA);
  const Ended training = Fedrun({"attack", rows, "--attack", "label_flip"});
  EXPECT_EQ(training.code, 2);
  EXPECT_THAT(training.errors, HasSubstr("use it in a run"));
  const Ended blind = Fedrun({"attack", rows, "--attack", "opt_ipm"});
  EXPECT_EQ(blind.code, 2);
  EXPECT_THAT(blind.errors, HasSubstr("--rule"));
  const Ended own =
      Fedrun({"attack", rows, "--attack", "{name: sign_flip, of: own}"});
  EXPECT_EQ(own.code, 2);
  EXPECT_THAT(own.errors, HasSubstr("--own"));
}

}  // namespace
}  // namespace fedtorch::scenarios
