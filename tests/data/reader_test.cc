#include "fedtorch/data/reader.h"

#include "fedtorch/core/errors.h"
#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Sets $FEDTORCH_DATA and the current folder, and puts both back.
class FindDataTest : public testing::Test {
 protected:
  FindDataTest() : folder_before_(std::filesystem::current_path()) {
    if (const char* value = std::getenv("FEDTORCH_DATA")) before_ = value;
    std::filesystem::current_path(scratch_.path());
  }
  ~FindDataTest() override {
    std::filesystem::current_path(folder_before_);
    if (before_) {
      setenv("FEDTORCH_DATA", before_->c_str(), 1);
    } else {
      unsetenv("FEDTORCH_DATA");
    }
  }

  ScratchFolder scratch_;

 private:
  std::filesystem::path folder_before_;
  std::optional<std::string> before_;
};

TEST_F(FindDataTest, LooksInTheStatedOrder) {
  const std::string one = (scratch_.path() / "one").string();
  const std::string two = (scratch_.path() / "two").string();
  setenv("FEDTORCH_DATA", (one + "::" + two).c_str(), 1);
  EXPECT_THROW(FindData("x/data.bin"), core::DataError);
  scratch_.Write("two/x/data.bin", "2");
  EXPECT_EQ(FindData("x/data.bin"), two + "/x/data.bin");
  scratch_.Write("one/x/data.bin", "1");
  EXPECT_EQ(FindData("x/data.bin"), one + "/x/data.bin");
  scratch_.Write("datasets/x/data.bin", "0");
  EXPECT_EQ(FindData("x/data.bin"), "datasets/x/data.bin");
  scratch_.Write("x/data.bin", "");
  EXPECT_EQ(FindData("x/data.bin"), "x/data.bin");
  EXPECT_EQ(FindData("x"), "x");  // folders too
}

TEST_F(FindDataTest, ListsEveryPlaceLookedAt) {
  setenv("FEDTORCH_DATA", "/nowhere:/nothing", 1);
  try {
    FindData("missing.gz");
    FAIL();
  } catch (const core::DataError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("'missing.gz', 'datasets/missing.gz', "
                                "'/nowhere/missing.gz', '/nothing/missing.gz', "
                                "'/usr/share/datasets/missing.gz'"),
                      HasSubstr("FEDTORCH_DATA")));
  }
  EXPECT_THROW(FindData("/nowhere/absolute"), core::DataError);
  EXPECT_THROW(FindData(""), core::DataError);
}

}  // namespace
}  // namespace fedtorch::data
