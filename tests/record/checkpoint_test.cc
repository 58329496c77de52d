#include "fedtorch/record/checkpoint.h"

#include "fedtorch/core/stream.h"
#include "tests/record/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <tuple>

namespace fedtorch::record {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using ClientVector = std::tuple<std::int64_t, std::string, std::vector<float>>;

Checkpoint StateOf(std::int64_t round) {
  Checkpoint state;
  state.round = round;
  state.config_hash = "cafe";
  state.doubles["model"] = {0.1,
                            -0.0,
                            std::numeric_limits<double>::quiet_NaN(),
                            static_cast<double>(round)};
  state.doubles["empty"] = {};
  state.floats["control"] = {1.5F, -2.5F};
  state.ints["counters"] = {INT64_MIN, INT64_MAX};
  return state;
}

ModelArrays ModelOf(std::int64_t round) {
  const double value = static_cast<double>(round);
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {
      {"0.dense.weight",
       {.dtype = "<f8", .shape = {1}, .data = {bytes.begin(), bytes.end()}}}};
}

std::vector<ClientVector> SomeClients() {
  return {{7, "control", {1.0F, 2.0F, 3.0F}},
          {3, "control", {-1.0F, 0.5F, 0.25F}},
          {3, "personal", {}}};
}

WriteClients Writer(const std::vector<ClientVector>& clients) {
  return [clients](ClientStateSink& sink) {
    for (const auto& [client, name, values] : clients) {
      sink.Write(client, name, std::as_bytes(std::span(values)));
    }
  };
}

std::vector<ClientVector> ClientsOf(const LoadedCheckpoint& checkpoint) {
  std::vector<ClientVector> clients;
  checkpoint.VisitClients([&](std::int64_t client,
                              const std::string& name,
                              std::span<const std::byte> bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    if (!values.empty()) {
      std::memcpy(values.data(), bytes.data(), bytes.size());
    }
    clients.emplace_back(client, name, values);
  });
  return clients;
}

void Save(CheckpointFolder& checkpoints, std::int64_t round) {
  checkpoints.Save(StateOf(round), ModelOf(round), Writer(SomeClients()));
}

std::vector<std::string> Names(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

template <class T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() ||
          std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

TEST(Checkpoint, ComesBackBitForBit) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder / "checkpoints", 2);
  Save(checkpoints, 100);
  EXPECT_THAT(Names(folder / "checkpoints"),
              ElementsAre("latest", "round-000100"));
  EXPECT_THAT(
      Names(folder / "checkpoints/round-000100"),
      ElementsAre("clients.bin", "meta.json", "model.npz", "state.bin"));
  EXPECT_EQ(ReadFile(folder / "checkpoints/latest"), "round-000100\n");

  const LoadedCheckpoint loaded = checkpoints.Load("cafe");
  const Checkpoint expected = StateOf(100);
  EXPECT_EQ(loaded.state().round, 100);
  EXPECT_EQ(loaded.state().config_hash, "cafe");
  EXPECT_THAT(loaded.warnings(), IsEmpty());
  ASSERT_EQ(loaded.state().doubles.size(), 2U);
  EXPECT_TRUE(SameBits(loaded.state().doubles.at("model"),
                       expected.doubles.at("model")));
  EXPECT_THAT(loaded.state().doubles.at("empty"), IsEmpty());
  EXPECT_EQ(loaded.state().floats, expected.floats);
  EXPECT_EQ(loaded.state().ints, expected.ints);
  EXPECT_EQ(ClientsOf(loaded), SomeClients());

  const auto model = core::ReadNpz(loaded.folder() / "model.npz");
  EXPECT_EQ(model.at("0.dense.weight").data, ModelOf(100).front().second.data);
}

TEST(Checkpoint, HasTheSameBytesForTheSameState) {
  const TemporaryFolder folder;
  CheckpointFolder first(folder / "a", 1);
  CheckpointFolder second(folder / "b", 1);
  Save(first, 5);
  Save(second, 5);
  for (const std::string& name : Names(first.FolderOf(5))) {
    EXPECT_EQ(ReadFile(first.FolderOf(5) / name),
              ReadFile(second.FolderOf(5) / name))
        << name;
  }
}

TEST(Checkpoint, StreamsManyClients) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 1);
  constexpr std::int64_t kClients = 20000;
  // Sizes around nothing, a number and more than the writer's buffer.
  const auto values_of = [](std::int64_t client) {
    core::Stream stream =
        core::Stream::Named(1, "values", {static_cast<std::uint64_t>(client)});
    const std::uint64_t size = client == 9 ? 300000 : stream.Below(20);
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(stream.Normal());
    return values;
  };
  checkpoints.Save(StateOf(1), ModelOf(1), [&](ClientStateSink& sink) {
    for (std::int64_t client = 0; client < kClients; ++client) {
      const std::vector<float> values = values_of(client);
      sink.Write(client, "v", std::as_bytes(std::span(values)));
    }
  });
  std::int64_t next = 0;
  checkpoints.Load().VisitClients([&](std::int64_t client,
                                      const std::string& name,
                                      std::span<const std::byte> bytes) {
    ASSERT_EQ(client, next);
    ASSERT_EQ(name, "v");
    const std::vector<float> expected = values_of(next++);
    ASSERT_EQ(bytes.size(), expected.size() * sizeof(float));
    ASSERT_TRUE(std::equal(bytes.begin(),
                           bytes.end(),
                           std::as_bytes(std::span(expected)).begin()));
  });
  EXPECT_EQ(next, kClients);
}

TEST(Checkpoint, KeepsTheNewest) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  for (const std::int64_t round : {5, 10, 15, 1000000}) {
    Save(checkpoints, round);
  }
  EXPECT_THAT(checkpoints.Rounds(), ElementsAre(1000000, 15));
  EXPECT_EQ(checkpoints.Load().state().round, 1000000);
  EXPECT_THAT(Names(folder.path()),
              ElementsAre("latest", "round-000015", "round-1000000"));
}

TEST(Checkpoint, ReplacesOneOfTheSameRoundAndDropsAGivenUpCourse) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 3);
  Save(checkpoints, 5);
  Save(checkpoints, 10);
  Save(checkpoints, 15);
  Checkpoint other = StateOf(10);
  other.doubles["model"] = {42.0};
  checkpoints.Save(other, ModelOf(10), nullptr);
  EXPECT_THAT(checkpoints.Rounds(), ElementsAre(10, 5));
  const LoadedCheckpoint loaded = checkpoints.Load();
  EXPECT_THAT(loaded.state().doubles.at("model"), ElementsAre(42.0));
  EXPECT_THAT(ClientsOf(loaded), IsEmpty());
  EXPECT_THAT(Names(folder.path()),
              ElementsAre("latest", "round-000005", "round-000010"));
}

TEST(Checkpoint, FallsBackFromEveryFlippedByte) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  Save(checkpoints, 5);
  Save(checkpoints, 10);
  for (const std::string& name : Names(checkpoints.FolderOf(10))) {
    const std::filesystem::path path = checkpoints.FolderOf(10) / name;
    const std::string intact = ReadFile(path);
    ASSERT_FALSE(intact.empty());
    for (std::size_t i = 0; i < intact.size(); i += 1 + intact.size() / 200) {
      std::string damaged = intact;
      damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
      WriteFile(path, damaged);
      const LoadedCheckpoint loaded = checkpoints.Load();
      ASSERT_EQ(loaded.state().round, 5) << name << " byte " << i;
      ASSERT_EQ(loaded.warnings().size(), 1U);
      ASSERT_THAT(loaded.warnings().front(),
                  AllOf(HasSubstr("the checkpoint of round 10 is passed over"),
                        HasSubstr(name)));
    }
    WriteFile(path, intact);
  }
  EXPECT_EQ(checkpoints.Load().state().round, 10);
}

TEST(Checkpoint, FallsBackFromAFileCutShortOrGone) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  Save(checkpoints, 5);
  Save(checkpoints, 10);
  for (const std::string& name : Names(checkpoints.FolderOf(10))) {
    const std::filesystem::path path = checkpoints.FolderOf(10) / name;
    const std::string intact = ReadFile(path);
    for (const std::size_t size :
         {std::size_t{0}, intact.size() / 2, intact.size() - 2}) {
      WriteFile(path, intact.substr(0, size));
      EXPECT_EQ(checkpoints.Load().state().round, 5) << name << " " << size;
    }
    std::filesystem::remove(path);
    EXPECT_EQ(checkpoints.Load().state().round, 5) << name;
    WriteFile(path, intact);
  }
}

TEST(Checkpoint, ReportsExpectedAndFound) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  Save(checkpoints, 5);
  const std::filesystem::path path = checkpoints.FolderOf(5) / "state.bin";
  const std::size_t size = ReadFile(path).size();
  WriteFile(path, "short");
  EXPECT_THAT(RunErrorOf([&] { checkpoints.Load(); }),
              AllOf(HasSubstr("holds no intact checkpoint"),
                    HasSubstr("state.bin: is damaged: expected " +
                              std::to_string(size) + " bytes, found 5"),
                    HasSubstr("start a new run")));
}

TEST(Checkpoint, IsNoCheckpointWithoutOne) {
  const TemporaryFolder folder;
  const CheckpointFolder checkpoints(folder / "none", 2);
  EXPECT_THAT(checkpoints.Rounds(), IsEmpty());
  EXPECT_THAT(RunErrorOf([&] { checkpoints.Load(); }),
              HasSubstr("none: holds no intact checkpoint; start a new run"));
}

TEST(Checkpoint, RefusesAnotherConfig) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  Save(checkpoints, 5);
  EXPECT_THAT(RunErrorOf([&] { checkpoints.Load("beef"); }),
              HasSubstr("was made from another config: expected hash beef, "
                        "found cafe"));
}

TEST(Checkpoint, DoesNotNeedThePointer) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  Save(checkpoints, 5);
  std::filesystem::remove(folder / "latest");
  EXPECT_EQ(checkpoints.Load().state().round, 5);
  Save(checkpoints, 6);
  EXPECT_EQ(ReadFile(folder / "latest"), "round-000006\n");
}

// What a kill in the middle of writing or removing leaves behind.
TEST(Checkpoint, PassesOverHalfMadeFoldersAndClearsThem) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 2);
  Save(checkpoints, 5);
  std::filesystem::create_directory(folder / ".tmp-round-000010");
  WriteFile(folder / ".tmp-round-000010/state.bin", "half");
  std::filesystem::create_directory(folder / ".tmp-removed-round-000001");
  std::filesystem::create_directory(folder / "round-10");
  WriteFile(folder / "round-000077", "a file, not a folder");
  EXPECT_THAT(checkpoints.Rounds(), ElementsAre(5));
  const LoadedCheckpoint loaded = checkpoints.Load();
  EXPECT_EQ(loaded.state().round, 5);
  EXPECT_THAT(loaded.warnings(), IsEmpty());
  Save(checkpoints, 10);
  EXPECT_THAT(Names(folder.path()),
              ElementsAre("latest",
                          "round-000005",
                          "round-000010",
                          "round-000077",
                          "round-10"));
}

TEST(Checkpoint, StandsWhenTheNextOneCannotBeWritten) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 1);
  Save(checkpoints, 5);
  // Files of this process may grow to 2 kB only, as on a full disk.
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = 2000;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = RunErrorOf([&] {
    checkpoints.Save(StateOf(6), ModelOf(6), [](ClientStateSink& sink) {
      const std::vector<float> values(1000);
      sink.Write(1, "v", std::as_bytes(std::span(values)));
    });
  });
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  EXPECT_THAT(message,
              HasSubstr("clients.bin: writing failed: File too large"));
  EXPECT_THAT(Names(folder.path()), ElementsAre("latest", "round-000005"));
  EXPECT_EQ(checkpoints.Load().state().round, 5);
}

TEST(Checkpoint, StandsWhenTheClientsCannotBeRead) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 1);
  Save(checkpoints, 5);
  EXPECT_THROW(checkpoints.Save(StateOf(6),
                                ModelOf(6),
                                [](ClientStateSink&) {
                                  throw core::RunError("spill file gone");
                                }),
               core::RunError);
  EXPECT_THAT(Names(folder.path()), ElementsAre("latest", "round-000005"));
}

// A child saves without pause and is killed at random moments; whatever is
// left must load, and be a checkpoint that was saved whole.
TEST(Checkpoint, SurvivesKillsAtAnyMoment) {
  const TemporaryFolder folder;
  CheckpointFolder checkpoints(folder.path(), 1);
  Save(checkpoints, 1);
  core::Stream stream = core::Stream::Named(3, "kills");
  for (int attempt = 0; attempt < 15; ++attempt) {
    const std::int64_t before = checkpoints.Load().state().round;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (std::int64_t round = before + 1;; ++round) Save(checkpoints, round);
    }
    ::usleep(static_cast<useconds_t>(20000 + stream.Below(40000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const LoadedCheckpoint loaded = checkpoints.Load();
    const std::int64_t round = loaded.state().round;
    ASSERT_GE(round, before);
    ASSERT_THAT(loaded.warnings(), IsEmpty());
    ASSERT_EQ(loaded.state().doubles.at("model").back(),
              static_cast<double>(round));
    ASSERT_EQ(ClientsOf(loaded), SomeClients());
  }
  EXPECT_GT(checkpoints.Load().state().round, 1);
}

}  // namespace
}  // namespace fedtorch::record
