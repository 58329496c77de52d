#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace fedtorch::scenarios {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST(CommandLine, ShortFormIsRun) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const Ended first = Fedrun({"--config",
                              config,
                              "federation.rounds=2",
                              "-o",
                              (scratch.path() / "a").string()});
  ASSERT_EQ(first.code, 0) << first.errors;
  const Ended second = Fedrun({"run",
                               "-c",
                               config,
                               "federation.rounds=2",
                               "-o",
                               (scratch.path() / "b").string()});
  ASSERT_EQ(second.code, 0) << second.errors;
  EXPECT_EQ(ReadFile(OnlyRun(scratch.path() / "a") / "metrics.jsonl"),
            ReadFile(OnlyRun(scratch.path() / "b") / "metrics.jsonl"));
  EXPECT_THAT(first.output, HasSubstr("run directory"));
}

TEST(CommandLine, RunPrintsOneJsonDocumentAndWritesEveryFile) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const Ended ended = Fedrun({"-c",
                              config,
                              "--format",
                              "json",
                              "-o",
                              (scratch.path() / "runs").string(),
                              "seed=9",
                              "-q",
                              "data.client_split={train: 0.8, test: 0.2}",
                              "eval.clients.every=2"});
  ASSERT_EQ(ended.code, 0) << ended.errors;
  const Json json = Json::parse(ended.output);
  EXPECT_EQ(json.at("rounds"), 5);
  const std::filesystem::path run = json.at("directory").get<std::string>();
  for (const char* name : {"config.yaml",
                           "overrides.txt",
                           "config.src/1-tiny.yaml",
                           "manifest.json",
                           "metrics.jsonl",
                           "timing.jsonl",
                           "summary.json",
                           "partition.json",
                           "clients.csv",
                           "status.json",
                           "model.npz",
                           "checkpoints/latest"}) {
    EXPECT_TRUE(std::filesystem::exists(run / name)) << name;
  }
  EXPECT_EQ(Json::parse(ReadFile(run / "status.json")).at("state"), "done");
  const Json manifest = Json::parse(ReadFile(run / "manifest.json"));
  EXPECT_EQ(manifest.at("seed"), 9);
  // The resolved config reads back to the same hash.
  const Ended again = Fedrun(
      {"validate", "-c", (run / "config.yaml").string(), "--format", "json"});
  EXPECT_EQ(Json::parse(again.output).at("hash"), manifest.at("config_hash"));
}

TEST(CommandLine, SuggestsForMistypedWords) {
  EXPECT_THAT(Fedrun({"valdate"}).errors, HasSubstr("did you mean 'validate'"));
  EXPECT_THAT(Fedrun({"run", "--confg", "x"}).errors,
              HasSubstr("did you mean '--config'"));
  EXPECT_THAT(Fedrun({"list", "modles"}).errors,
              HasSubstr("did you mean 'models'"));
  EXPECT_THAT(Fedrun({"describe", "dirichlt"}).errors,
              HasSubstr("did you mean 'dirichlet'"));
  EXPECT_EQ(Fedrun({"valdate"}).code, 2);
  EXPECT_EQ(Fedrun({"run"}).code, 2);
  EXPECT_EQ(Fedrun({"--config", "/does/not/exist.yaml"}).code, 2);
}

TEST(CommandLine, RefusesAWordThatIsNoOverride) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const Ended ended = Fedrun({"-c", config, "seed"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("expected key=value"));
}

TEST(CommandLine, HelpListsEveryCommand) {
  const Ended ended = Fedrun({"--help"});
  EXPECT_EQ(ended.code, 0);
  for (const char* name : {"run",
                           "resume",
                           "validate",
                           "list",
                           "describe",
                           "schema",
                           "doctor",
                           "bench",
                           "completion"}) {
    EXPECT_THAT(ended.output, HasSubstr(name));
    EXPECT_EQ(Fedrun({name, "--help"}).code, 0) << name;
  }
}

TEST(CommandLine, PrintsTheResolvedConfigAndThePlanWithoutWriting) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const std::string out = (scratch.path() / "runs").string();
  const Ended yaml = Fedrun({"-c", config, "-o", out, "--print-config"});
  EXPECT_EQ(yaml.code, 0);
  EXPECT_THAT(yaml.output, HasSubstr("min_samples: 2"));
  EXPECT_THAT(yaml.output, HasSubstr("momentum: 0"));
  const Ended json = Fedrun({"-c", config, "--print-config=json"});
  EXPECT_EQ(Json::parse(json.output).at("model").at("name"), "mlp");
  const Ended plan =
      Fedrun({"-c", config, "-o", out, "--dry-run", "--format", "json"});
  ASSERT_EQ(plan.code, 0) << plan.errors;
  const Json estimate = Json::parse(plan.output);
  EXPECT_EQ(estimate.at("client_updates"), 20);
  EXPECT_EQ(estimate.at("parameters"), 36 * 16 + 16 + 16 * 4 + 4);
  EXPECT_NEAR(estimate.at("up_mb").get<double>(), 20 * 4 * 660e-6, 1e-9);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(CommandLine, DescribesDataModelAndRun) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const Ended data =
      Fedrun({"describe", "data", "-c", config, "--format", "json"});
  ASSERT_EQ(data.code, 0) << data.errors;
  EXPECT_EQ(Json::parse(data.output).at("clients"), 10);
  EXPECT_EQ(Json::parse(data.output).at("train_samples"), 400);
  EXPECT_THAT(Fedrun({"describe", "data", "-c", config}).output,
              HasSubstr("total variation"));
  const Ended model =
      Fedrun({"describe", "model", "-c", config, "--format", "json"});
  EXPECT_EQ(Json::parse(model.output).at("parameters"), 660);
  EXPECT_EQ(Fedrun({"describe", "data"}).code, 2);
  const std::string out = (scratch.path() / "runs").string();
  Fedrun({"-c", config, "-o", out, "-q"});
  const Ended run = Fedrun({"describe", "run", OnlyRun(out).string()});
  EXPECT_THAT(run.output, HasSubstr("test/accuracy/best"));
  EXPECT_THAT(Fedrun({"list", "runs", "--dir", out}).output, HasSubstr("done"));
}

TEST(CommandLine, ValidatesDeeply) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  EXPECT_EQ(Fedrun({"validate", "-c", config, "--deep"}).code, 0);
  // A model that does not fit the data is found by --deep only.
  const std::vector<std::string> misfit{
      "validate", "-c", config, "model=char_lstm"};
  EXPECT_EQ(Fedrun(misfit).code, 0);
  std::vector<std::string> deep = misfit;
  deep.emplace_back("--deep");
  const Ended ended = Fedrun(deep);
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("embedding"));
}

TEST(CommandLine, DoctorMeasuresTheMachine) {
  const Ended ended = Fedrun({"doctor", "--format", "json"});
  ASSERT_EQ(ended.code, 0) << ended.errors;
  const Json json = Json::parse(ended.output);
  EXPECT_GT(json.at("sgemm_gflops").get<double>(), 0.0);
  EXPECT_GT(json.at("fma_peak_gflops").get<double>(), 0.0);
  EXPECT_EQ(json.at("libtorch").get<std::string>().substr(0, 2), "2.");
  EXPECT_FALSE(json.at("device_reason").get<std::string>().empty());
  EXPECT_TRUE(json.at("device") == "cpu" || !json.at("gpus").empty());
}

TEST(CommandLine, SchemaIsJsonAndKnowsEveryKind) {
  const Ended ended = Fedrun({"schema"});
  ASSERT_EQ(ended.code, 0);
  EXPECT_TRUE(Json::accept(ended.output));
  const Json kinds = Json::parse(Fedrun({"list", "--format", "json"}).output);
  EXPECT_GT(kinds.size(), 30u);
  for (const Json& kind : kinds) {
    EXPECT_THAT(ended.output,
                HasSubstr('"' + kind.at("name").get<std::string>() + '"'));
  }
}

TEST(CommandLine, CompletionScriptsNameCommandsAndOptions) {
  const Ended bash = Fedrun({"completion", "bash"});
  EXPECT_THAT(bash.output, HasSubstr("--print-config"));
  EXPECT_THAT(bash.output, HasSubstr("complete -o default -F _fedrun fedrun"));
  const Scratch scratch;
  const std::string script = scratch.Write("fedrun.bash", bash.output);
  EXPECT_EQ(std::system(("bash -n " + script).c_str()), 0);
  EXPECT_THAT(Fedrun({"completion", "zsh"}).output, HasSubstr("#compdef"));
  EXPECT_THAT(Fedrun({"completion", "fish"}).output,
              HasSubstr("complete -c fedrun"));
  EXPECT_EQ(Fedrun({"completion", "tcsh"}).code, 2);
}

}  // namespace
}  // namespace fedtorch::scenarios
