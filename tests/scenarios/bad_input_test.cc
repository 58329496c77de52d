#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace fedtorch::scenarios {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kBad = "tests/config/bad";

// The files name exactly what the reader finds in the real layout; here the
// program itself is shown each of them.
TEST(BadInput, EveryBrokenConfigEndsWithCodeTwoAndItsPlace) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(kBad)) {
    if (entry.path().extension() != ".yml") continue;
    ++files;
    const Ended ended = Fedrun({"validate", "-c", entry.path().string()});
    EXPECT_EQ(ended.code, 2) << entry.path() << ended.output;
    EXPECT_THAT(ended.errors, HasSubstr("error: ")) << entry.path();
    EXPECT_EQ(ended.output, "") << entry.path();
  }
  EXPECT_GE(files, 40);
}

std::string Idx(std::uint32_t magic,
                std::vector<std::uint32_t> sizes,
                std::size_t bytes,
                char value) {
  std::string text;
  const auto append = [&text](std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      text.push_back(static_cast<char>((number >> shift) & 0xff));
    }
  };
  append(magic);
  for (const std::uint32_t size : sizes) append(size);
  return text + std::string(bytes, value);
}

std::vector<std::string> OnIdx(const Scratch& scratch,
                               const std::string& images,
                               const std::string& labels) {
  const std::string config = scratch.Write(
      "idx.yaml",
      "data: {dataset: {name: idx, train_images: '" + images +
          "', train_labels: '" + labels + "', num_classes: 10}}\n" +
          "model: logistic\n" + "federation: {num_clients: 3, rounds: 1}\n");
  return {"-c", config, "-q", "-o", (scratch.path() / "runs").string()};
}

TEST(BadInput, AGzipFileCutInHalfIsDataErrorWithItsName) {
  const Scratch scratch;
  const std::string images =
      scratch.Write("images", Idx(0x803, {300, 4, 4}, 300 * 16, '\x07'));
  const std::string labels =
      scratch.Write("labels", Idx(0x801, {300}, 300, '\x02'));
  ASSERT_EQ(std::system(("gzip -k " + images).c_str()), 0);
  const std::string whole = ReadFile(images + ".gz");
  const std::string cut =
      scratch.Write("cut.gz", whole.substr(0, whole.size() / 2));
  const Ended ended = Fedrun(OnIdx(scratch, cut, labels));
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.errors, HasSubstr("cut.gz"));
  EXPECT_FALSE(fs::exists(scratch.path() / "runs"));
  EXPECT_EQ(Fedrun(OnIdx(scratch, images + ".gz", labels)).code, 0);
}

TEST(BadInput, LabelsOutsideTheClassesAreNamed) {
  const Scratch scratch;
  const std::string images =
      scratch.Write("images", Idx(0x803, {30, 4, 4}, 30 * 16, '\x07'));
  const std::string labels =
      scratch.Write("labels", Idx(0x801, {30}, 30, '\x0b'));
  const Ended ended = Fedrun(OnIdx(scratch, images, labels));
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.errors, HasSubstr("labels"));
  EXPECT_THAT(ended.errors, HasSubstr("11"));
}

TEST(BadInput, FilesThatDoNotExistSayWhereWasLooked) {
  const Scratch scratch;
  const Ended ended = Fedrun(OnIdx(scratch, "no-images", "no-labels"));
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.errors, HasSubstr("'datasets/no-"));
  EXPECT_THAT(ended.errors, HasSubstr("FEDTORCH_DATA"));
}

TEST(BadInput, AGpuThatIsNotThereIsRefusedAndWhatToDoIsSaid) {
  if (fs::exists("/proc/driver/nvidia") || fs::exists("/dev/nvidiactl")) {
    GTEST_SKIP() << "skipped: this machine has an NVIDIA driver";
  }
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const std::string out = (scratch.path() / "runs").string();
  const std::vector<std::string> run{"-c", config, "-o", out, "-q"};
  for (const std::vector<std::string>& device :
       {std::vector<std::string>{"runtime.device=cuda"},
        {"--device", "cuda"}}) {
    std::vector<std::string> arguments = run;
    arguments.insert(arguments.end(), device.begin(), device.end());
    const Ended ended = Fedrun(arguments);
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(ended.errors,
              "error: runtime.device: cuda was asked for, but no NVIDIA driver "
              "was found (libcuda.so.1); use runtime.device=cpu, or auto to "
              "take a GPU where there is one\n");
    EXPECT_FALSE(fs::exists(out));
  }
}

TEST(BadInput, MoreClientsThanSamplesIsRefused) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const std::string out = (scratch.path() / "runs").string();
  const Ended ended = Fedrun({"-c",
                              config,
                              "-o",
                              out,
                              "-q",
                              "data.partition=iid",
                              "federation.num_clients=500"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("400"));
  EXPECT_FALSE(fs::exists(out));
}

TEST(BadInput, AMinimumThatCannotBeMetIsRefused) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const Ended ended =
      Fedrun({"-c",
              config,
              "-q",
              "-o",
              (scratch.path() / "runs").string(),
              "data.partition={name: dirichlet, alpha: 0.01, min_samples: "
              "35}"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.errors, HasSubstr("min_samples"));
  EXPECT_THAT(ended.errors, HasSubstr("100"));
  EXPECT_THAT(ended.errors, HasSubstr("alpha"));
}

TEST(BadInput, AnOutputFolderThatCannotBeWrittenIsNamed) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  // A file in the place of the folder stops even the superuser.
  const std::string file = scratch.Write("file", "x");
  const Ended ended = Fedrun({"-c", config, "-q", "-o", file + "/runs"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.errors, HasSubstr("output.dir"));
  EXPECT_THAT(ended.errors, HasSubstr(file));

  if (::geteuid() != 0) {
    const fs::path locked = scratch.path() / "locked";
    fs::create_directory(locked);
    ::chmod(locked.c_str(), 0555);
    const Ended denied =
        Fedrun({"-c", config, "-q", "-o", (locked / "runs").string()});
    EXPECT_EQ(denied.code, 1);
    EXPECT_THAT(denied.errors, HasSubstr("Permission denied"));
  }
}

TEST(BadInput, AFullDiskEndsTheRunWithAMessageAndWholeLines) {
  const Scratch scratch;
  const fs::path disk = scratch.path() / "disk";
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=400k") != 0) {
    GTEST_SKIP() << "skipped: needs the right to mount a small file system";
  }
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const Ended ended = Fedrun(
      {"-c", config, "-q", "-o", disk.string(), "federation.rounds=5000"});
  const fs::path run = OnlyRun(disk);
  const std::string metrics = ReadFile(run / "metrics.jsonl");
  ::umount(disk.c_str());
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.errors, HasSubstr("No space left on device"));
  ASSERT_FALSE(metrics.empty());
  EXPECT_EQ(metrics.back(), '\n') << "a line is written whole or not at all";
  const std::string last =
      metrics.substr(metrics.rfind('\n', metrics.size() - 2) + 1);
  EXPECT_TRUE(nlohmann::json::accept(last)) << last;
}

TEST(BadInput, DivergenceHasItsOwnExitCodeAndStatus) {
  const Scratch scratch;
  const std::string config = scratch.Write("tiny.yaml", kTiny);
  const std::string out = (scratch.path() / "runs").string();
  const Ended ended = Fedrun({"-c",
                              config,
                              "-q",
                              "-o",
                              out,
                              "client.optimizer.lr=1e30",
                              "server.fail_on_nonfinite=true"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(
      nlohmann::json::parse(ReadFile(OnlyRun(out) / "status.json")).at("state"),
      "diverged");
}

}  // namespace
}  // namespace fedtorch::scenarios
