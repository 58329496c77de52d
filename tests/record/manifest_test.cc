#include "fedtorch/record/manifest.h"

#include "fedtorch/core/hash.h"
#include "tests/record/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>

namespace fedtorch::record {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

Manifest Example() {
  Manifest manifest;
  manifest.name = "exp";
  manifest.run_id = "20090213T233130-01234567-s3";
  manifest.command_line = {"fedrun", "--config", "a \"b\".yaml"};
  manifest.seed = 18446744073709551615U;
  manifest.partition_seed = 4;
  manifest.config_hash = "01234567";
  manifest.partition_hash = "89abcdef";
  manifest.data_files = {{"train.gz", "00ff"}};
  manifest.engine = "autograd";
  manifest.engine_reason = "the model has an LSTM";
  manifest.instruction_set = "AVX512";
  manifest.device = "cuda:0";
  manifest.device_reason = "the first GPU";
  manifest.executor = "stacked";
  manifest.executor_reason = "clients train on a GPU";
  manifest.wave = 64;
  manifest.threads = 2;
  manifest.libraries = {{"LibTorch", "2.11.0", "BLAS_INFO=mkl,\nUSE_CUDA=1"}};
  manifest.start = 1234567890;
  manifest.build = {.version = "0.1.0",
                    .revision = "abc",
                    .modified = true,
                    .compiler = "GNU 12.2.0",
                    .flags = "-O3",
                    .type = "Release"};
  manifest.host.cpu_model = "Some CPU";
  manifest.host.cpu_flags = {"avx2"};
  manifest.host.cores = 8;
  manifest.host.system = "Linux 6.1 x86_64";
  manifest.host.environment = {{"OMP_NUM_THREADS", "1"}};
  return manifest;
}

TEST(Manifest, SaysWhereAResultComesFrom) {
  Manifest manifest = Example();
  Json json = Json::parse(ManifestJson(manifest));
  EXPECT_EQ(json["name"], "exp");
  EXPECT_EQ(json["seed"], 18446744073709551615U);
  EXPECT_EQ(json["partition_seed"], 4);
  EXPECT_EQ(json["config_hash"], "01234567");
  EXPECT_EQ(json["partition_hash"], "89abcdef");
  EXPECT_EQ(json["data_files"][0]["path"], "train.gz");
  EXPECT_EQ(json["data_files"][0]["sha256"], "00ff");
  EXPECT_EQ(json["engine"]["name"], "autograd");
  EXPECT_EQ(json["engine"]["reason"], "the model has an LSTM");
  EXPECT_EQ(json["engine"]["instruction_set"], "AVX512");
  EXPECT_EQ(json["bitwise"], "same machine type");
  EXPECT_EQ(json["device"]["name"], "cuda:0");
  EXPECT_EQ(json["device"]["reason"], "the first GPU");
  EXPECT_EQ(json["executor"]["name"], "stacked");
  EXPECT_EQ(json["executor"]["reason"], "clients train on a GPU");
  EXPECT_EQ(json["executor"]["wave"], 64);
  EXPECT_EQ(json["threads"], 2);
  EXPECT_EQ(json["build"]["git_revision"], "abc");
  EXPECT_EQ(json["build"]["git_modified"], true);
  EXPECT_EQ(json["libraries"]["LibTorch"]["configuration"],
            "BLAS_INFO=mkl,\nUSE_CUDA=1");
  EXPECT_EQ(json["host"]["cpu_model"], "Some CPU");
  EXPECT_EQ(json["host"]["environment"]["OMP_NUM_THREADS"], "1");
  EXPECT_EQ(json["run"]["command_line"][2], "a \"b\".yaml");
  EXPECT_EQ(json["run"]["start"]["utc"], "2009-02-13T23:31:30Z");
  EXPECT_TRUE(json["run"]["end"].is_null());
  EXPECT_TRUE(json["run"]["exit_status"].is_null());

  manifest.end = 1234567899;
  manifest.exit_status = 75;
  json = Json::parse(ManifestJson(manifest));
  EXPECT_EQ(json["run"]["end"]["unix_s"], 1234567899);
  EXPECT_EQ(json["run"]["exit_status"], 75);
}

TEST(Manifest, KeepsTheChainOfResumptions) {
  const TemporaryFolder folder;
  Manifest manifest = Example();
  manifest.resumed = {{.round = 25, .time = 1234567900},
                      {.round = 50, .time = 1234568000}};
  WriteFile(folder / "m", ManifestJson(manifest));
  const ManifestHistory history = ReadManifestHistory(folder / "m");
  EXPECT_EQ(history.start, 1234567890);
  ASSERT_EQ(history.resumed.size(), 2U);
  EXPECT_EQ(history.resumed[0].round, 25);
  EXPECT_EQ(history.resumed[1].round, 50);
  EXPECT_EQ(history.resumed[1].time, 1234568000);
}

TEST(Manifest, NamesADamagedFile) {
  const TemporaryFolder folder;
  WriteFile(folder / "m", "{}");
  EXPECT_THAT(RunErrorOf([&] { ReadManifestHistory(folder / "m"); }),
              HasSubstr("m: is damaged: "));
  EXPECT_THAT(RunErrorOf([&] { ReadManifestHistory(folder / "none"); }),
              HasSubstr("none: cannot be read: No such file"));
}

TEST(Manifest, TakesBytesThatAreNotUtf8) {
  Manifest manifest = Example();
  manifest.command_line = {"fedrun", "\xff.yaml"};
  EXPECT_EQ(Json::parse(ManifestJson(manifest))["run"]["command_line"][1],
            "\xEF\xBF\xBD.yaml");
}

// Lines as Linux prints them on the two families.
TEST(HostFacts, ReadsWhatLinuxSaysOfTheProcessor) {
  const std::string x86 =
      "processor\t: 0\nmodel name\t: Example CPU @ 2.00GHz\n"
      "flags\t\t: fpu sse sse4_2 avx avx2 fma avx512f amx_tile rdtscp\n\n"
      "processor\t: 1\nmodel name\t: other\n";
  EXPECT_EQ(CpuModelOf(x86), "Example CPU @ 2.00GHz");
  EXPECT_THAT(
      FloatFlagsOf(x86),
      ElementsAre("sse4_2", "avx", "avx2", "fma", "avx512f", "amx_tile"));
  const std::string arm =
      "processor\t: 0\nFeatures\t: fp asimd sve bf16 aes\n"
      "CPU implementer\t: 0x41\nCPU part\t: 0xd40\n";
  EXPECT_EQ(CpuModelOf(arm), "implementer 0x41 part 0xd40");
  EXPECT_THAT(FloatFlagsOf(arm), ElementsAre("asimd", "sve", "bf16"));
  EXPECT_EQ(CpuModelOf(""), "unknown");
}

TEST(HostFacts, HoldsNoNameOfTheHost) {
  ::setenv("OMP_NUM_THREADS", "3", 1);
  ::unsetenv("MKL_CBWR");
  const HostFacts facts = DescribeHost();
  ::unsetenv("OMP_NUM_THREADS");
  std::array<char, 300> name{};
  ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);
  EXPECT_EQ(facts.name_sha256, core::Sha256Hex(std::string_view(name.data())));
  EXPECT_EQ(facts.environment.at("OMP_NUM_THREADS"), "3");
  EXPECT_EQ(facts.environment.count("MKL_CBWR"), 0U);
  cpu_set_t usable;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(usable), &usable), 0);
  EXPECT_EQ(facts.cores, CPU_COUNT(&usable));
  EXPECT_THAT(facts.system, testing::StartsWith("Linux "));
  EXPECT_THAT(facts.tbb_version, testing::MatchesRegex("20[0-9][0-9]\\..*"));
}

TEST(BuildFacts, NamesVersionAndCompiler) {
  const BuildFacts facts = DescribeBuild();
  EXPECT_THAT(facts.version, testing::MatchesRegex("[0-9]+\\.[0-9]+\\..+"));
  EXPECT_FALSE(facts.compiler.empty());
  EXPECT_FALSE(facts.revision.empty());
  EXPECT_THAT(facts.revision, Not(HasSubstr("dirty")));
}

}  // namespace
}  // namespace fedtorch::record
