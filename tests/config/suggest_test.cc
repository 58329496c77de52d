#include "fedtorch/config/suggest.h"

#include "fedtorch/core/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace fedtorch::config {
namespace {

// The recursive definition, slow and without tables shared with the code.
std::size_t SlowDistance(const std::string& a, const std::string& b) {
  if (a.empty()) return b.size();
  if (b.empty()) return a.size();
  const std::string a1 = a.substr(1);
  const std::string b1 = b.substr(1);
  std::size_t best = SlowDistance(a1, b1) + (a[0] == b[0] ? 0 : 1);
  best = std::min(best, SlowDistance(a1, b) + 1);
  best = std::min(best, SlowDistance(a, b1) + 1);
  if (a.size() > 1 && b.size() > 1 && a[0] == b[1] && a[1] == b[0]) {
    best = std::min(best, SlowDistance(a.substr(2), b.substr(2)) + 1);
  }
  return best;
}

TEST(EditDistance, EqualsTheRecursiveDefinition) {
  core::Stream stream = core::Stream::Named(1, "test/edit_distance");
  const auto word = [&stream] {
    std::string text(stream.Below(7), 'a');
    for (char& c : text) c = static_cast<char>('a' + stream.Below(3));
    return text;
  };
  for (int i = 0; i < 300; ++i) {
    const std::string a = word();
    const std::string b = word();
    EXPECT_EQ(EditDistance(a, b), SlowDistance(a, b)) << a << ' ' << b;
  }
}

TEST(EditDistance, IsOptimalStringAlignment) {
  // Published: the unrestricted Damerau-Levenshtein distance is 2.
  EXPECT_EQ(EditDistance("ca", "abc"), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("Median", "mEDIAN"), 0u);
}

TEST(Suggest, AcceptsAThirdOfTheLength) {
  // Of 6 letters 2 may be wrong, of 3 letters 1, of 2 letters still 1.
  EXPECT_EQ(Suggest("mexxan", {"median"}), "median");
  EXPECT_EQ(Suggest("mexxxn", {"median"}), "");
  EXPECT_EQ(Suggest("lt", {"lr"}), "lr");
  EXPECT_EQ(Suggest("xy", {"lr"}), "");
  EXPECT_EQ(Suggest("", {"lr"}), "");
}

TEST(Suggest, PrefersTheNearestThenTheAlphabet) {
  EXPECT_EQ(Suggest("rond", {"bond", "round", "rend"}), "bond");
  EXPECT_EQ(Suggest("rounds", {"sounds", "rounds"}), "rounds");
  EXPECT_EQ(Suggest("anything", {}), "");
}

}  // namespace
}  // namespace fedtorch::config
