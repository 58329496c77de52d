#include "fedtorch/core/atomic_file.h"

#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace fedtorch::core {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Folder {
 public:
  Folder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "atomic_file_XXXXXX")
            .string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  std::filesystem::path path_;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string MessageOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const RunError& error) {
    return error.what();
  }
  return "no RunError";
}

// Lets files of this process grow to `bytes` only: a write then falls short
// and fails, as on a full disk, also for root.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  sighandler_t handler_ = SIG_DFL;
};

TEST(WriteFileAtomically, WritesAndReplaces) {
  const Folder folder;
  WriteFileAtomically(folder / "a.json", "one");
  EXPECT_EQ(ReadFile(folder / "a.json"), "one");
  WriteFileAtomically(folder / "a.json", std::string_view("t\0o", 3));
  EXPECT_EQ(ReadFile(folder / "a.json"), std::string("t\0o", 3));
  EXPECT_THAT(folder.Names(), ::testing::ElementsAre("a.json"));
}

TEST(WriteFileAtomically, ObeysTheUmask) {
  const Folder folder;
  const mode_t old = ::umask(027);
  WriteFileAtomically(folder / "a", "x");
  ::umask(old);
  EXPECT_EQ(std::filesystem::status(folder / "a").permissions(),
            static_cast<std::filesystem::perms>(0640));
}

TEST(WriteFileAtomically, LeavesTheOldFileWhenWritingFails) {
  const Folder folder;
  WriteFileAtomically(folder / "a", "old");
  std::string message;
  {
    const FileSizeLimit limit(100);
    message = MessageOf(
        [&] { WriteFileAtomically(folder / "a", std::string(1000, 'x')); });
  }
  EXPECT_THAT(message,
              HasSubstr((folder / "a").string() +
                        ": writing failed: File too large; raise"));
  EXPECT_EQ(ReadFile(folder / "a"), "old");
  EXPECT_THAT(folder.Names(), ::testing::ElementsAre("a"));
}

TEST(WriteFileAtomically, NamesAMissingFolderAndAFileInTheWay) {
  const Folder folder;
  EXPECT_THAT(
      MessageOf([&] { WriteFileAtomically(folder / "none/a", "x"); }),
      HasSubstr("none/a: cannot be created: No such file or directory; check "
                "that the folder exists"));
  WriteFile(folder / "file", "x");
  EXPECT_THAT(
      MessageOf([&] { WriteFileAtomically(folder / "file/a", "x"); }),
      HasSubstr("file/a: cannot be created: Not a directory; move what is in "
                "the way"));
  std::filesystem::create_directory(folder / "taken");
  EXPECT_THAT(MessageOf([&] { WriteFileAtomically(folder / "taken", "x"); }),
              HasSubstr("taken: cannot be written: it exists and is not a "
                        "file"));
}

TEST(WriteFileAtomically, NeverReplacesADevice) {
  EXPECT_THAT(MessageOf([] { WriteFileAtomically("/dev/full", "x"); }),
              HasSubstr("/dev/full: cannot be written"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

// Runs in a child with a mount table of its own, so nothing has to be undone.
TEST(WriteFileAtomically, SaysSoWhenTheDiskIsFull) {
  const Folder folder;
  const std::filesystem::path report = folder / "report";
  const std::filesystem::path small = folder / "small";
  std::filesystem::create_directory(small);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", small.c_str(), "tmpfs", 0, "size=64k") != 0) {
      ::_exit(77);
    }
    WriteFileAtomically(small / "a", "old");
    std::string text = MessageOf(
        [&] { WriteFileAtomically(small / "a", std::string(1 << 20, 'x')); });
    text += "\n" + ReadFile(small / "a");
    AppendFile lines(small / "lines");
    lines.AppendLine("first");
    text += "\n" + MessageOf([&] {
              for (;;) lines.AppendLine(std::string(5000, 'x'));
            });
    const std::string kept = ReadFile(small / "lines");
    text += kept.back() == '\n' && kept.starts_with("first\n") ? "\nwhole"
                                                               : "\nbroken";
    WriteFile(report, text);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    GTEST_SKIP() << "needs the right to mount a small disk";
  }
  ASSERT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(ReadFile(report),
            (small / "a").string() +
                ": writing failed: No space left on device; free some space "
                "or choose a folder on another disk\nold\n" +
                (small / "lines").string() +
                ": writing failed: No space left on device; free some space "
                "or choose a folder on another disk\nwhole");
}

TEST(AppendFile, AppendsWholeLinesAndContinues) {
  const Folder folder;
  {
    AppendFile file(folder / "m.jsonl");
    file.AppendLine("{\"round\":1}");
    file.AppendLines("a\nb\n");
    file.AppendLines("");
    file.Sync();
    EXPECT_EQ(file.size(), 16);
  }
  AppendFile file(folder / "m.jsonl");
  AppendFile moved = std::move(file);
  moved.AppendLine("c");
  EXPECT_EQ(ReadFile(folder / "m.jsonl"), "{\"round\":1}\na\nb\nc\n");
}

TEST(AppendFile, CutsOffAHalfWrittenLastLineWhenOpened) {
  const Folder folder;
  WriteFile(folder / "m", "one\ntw");
  AppendFile file(folder / "m");
  file.AppendLine("two");
  EXPECT_EQ(ReadFile(folder / "m"), "one\ntwo\n");
}

TEST(AppendFile, LeavesWholeLinesWhenAWriteFallsShort) {
  const Folder folder;
  AppendFile file(folder / "m");
  file.AppendLine("first");
  std::string message;
  {
    const FileSizeLimit limit(20);
    message = MessageOf([&] { file.AppendLine(std::string(100, 'x')); });
    EXPECT_EQ(ReadFile(folder / "m"), "first\n");
  }
  EXPECT_THAT(message, HasSubstr("m: writing failed: File too large"));
  file.AppendLine("second");
  EXPECT_EQ(ReadFile(folder / "m"), "first\nsecond\n");
}

TEST(AppendFile, ReportsAFullDevice) {
  AppendFile file("/dev/full");
  EXPECT_THAT(MessageOf([&] { file.AppendLine("x"); }),
              HasSubstr("/dev/full: writing failed: No space left on device; "
                        "free some space"));
}

TEST(AppendFile, ReportsAFolderThatCannotBeWrittenTo) {
  EXPECT_THAT(MessageOf([] { AppendFile("/proc/fedtorch/m.jsonl"); }),
              HasSubstr("/proc/fedtorch/m.jsonl: cannot be opened: "));
}

TEST(AppendFile, RefusesAHalfLine) {
  const Folder folder;
  AppendFile file(folder / "m");
  EXPECT_THROW(file.AppendLine("a\nb"), Bug);
  EXPECT_THROW(file.AppendLines("a"), Bug);
  EXPECT_THAT(ReadFile(folder / "m"), IsEmpty());
}

TEST(TruncateToLines, KeepsTheFirstLines) {
  const Folder folder;
  WriteFile(folder / "m", "1\n2\n3\n4");
  CutLines count = TruncateToLines(folder / "m", 2);
  EXPECT_EQ(count.kept, 2);
  EXPECT_EQ(count.removed, 2);
  EXPECT_EQ(ReadFile(folder / "m"), "1\n2\n");
  count = TruncateToLines(folder / "m", 5);
  EXPECT_EQ(count.kept, 2);
  EXPECT_EQ(count.removed, 0);
  EXPECT_EQ(ReadFile(folder / "m"), "1\n2\n");
  EXPECT_EQ(TruncateToLines(folder / "m", 0).removed, 2);
  EXPECT_THAT(ReadFile(folder / "m"), IsEmpty());
}

TEST(CutBefore, RemovesAHalfWrittenLastLineInAnyCase) {
  const Folder folder;
  WriteFile(folder / "m", "1\n2");
  CutBefore(folder / "m", [](std::string_view) { return false; });
  EXPECT_EQ(ReadFile(folder / "m"), "1\n");
}

TEST(CutBefore, LeavesTheFileWhenTheCallbackThrows) {
  const Folder folder;
  WriteFile(folder / "m", "1\n2\n3\n");
  EXPECT_THROW(CutBefore(folder / "m",
                         [](std::string_view line) {
                           if (line == "2") throw RunError("odd line");
                           return false;
                         }),
               RunError);
  EXPECT_EQ(ReadFile(folder / "m"), "1\n2\n3\n");
}

TEST(CutBefore, NamesAMissingFile) {
  EXPECT_THAT(MessageOf([] { TruncateToLines("/does/not/exist", 1); }),
              HasSubstr("/does/not/exist: cannot be opened: No such file"));
}

}  // namespace
}  // namespace fedtorch::core
