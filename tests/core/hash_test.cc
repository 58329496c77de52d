#include "fedtorch/core/hash.h"

#include "fedtorch/core/errors.h"

#include <gtest/gtest.h>

namespace fedtorch::core {
namespace {

// FIPS 180-4, examples of SHA-256.
TEST(Sha256, MatchesThePublishedExamples) {
  EXPECT_EQ(Sha256Hex(std::string_view("abc")),
            "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(std::string_view("")),
            "e3b0c44298fc1c149afbf4c8996fb924"
            "27ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, NamesTheFileThatCannotBeRead) {
  EXPECT_THROW(Sha256HexOfFile("/does/not/exist"), DataError);
}

}  // namespace
}  // namespace fedtorch::core
