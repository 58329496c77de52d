#include "fedtorch/partition/heat_map.h"

#include "tests/partition/partition_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

using testing::HasSubstr;

/// Makes counts from a dense matrix.
ClassCounts Counts(const Matrix& matrix) {
  ClassCounts counts;
  counts.num_classes = static_cast<std::int64_t>(matrix.front().size());
  for (const auto& row : matrix) {
    for (std::size_t label = 0; label < row.size(); ++label) {
      if (row[label] > 0) {
        counts.entries.push_back(
            {static_cast<std::int64_t>(label), row[label]});
      }
    }
    counts.offsets.push_back(static_cast<std::int64_t>(counts.entries.size()));
  }
  return counts;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Counts characters: bytes that do not continue a UTF-8 sequence.
std::int64_t WidthOf(const std::string& line) {
  return std::count_if(line.begin(), line.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  });
}

const Matrix kThreeClients{{10, 0, 0}, {5, 4, 1}, {0, 0, 0}};

TEST(HeatMap, ShowsSharesAsBlocksAndSizesAsBars) {
  EXPECT_EQ(HeatMap(Counts(kThreeClients)),
            "client 0 1 2  samples\n"
            "     0 ██          10 ████████████████████████\n"
            "     1 ▓▓▓▓░░      10 ████████████████████████\n"
            "     2              0\n"
            "shade = share of the client's samples: ░ to 15%  ▒ to 35%  "
            "▓ to 65%  █ above\n"
            "column = class\n");
}

TEST(HeatMap, HasAFormForTerminalsWithoutBlocks) {
  EXPECT_EQ(HeatMap(Counts(kThreeClients), {.utf8 = false}),
            "client 0 1 2  samples\n"
            "     0 @@          10 ########################\n"
            "     1 **++::      10 ########################\n"
            "     2              0\n"
            "shade = share of the client's samples: .:-=+*#%@ from few to all\n"
            "column = class\n");
}

TEST(HeatMap, MeasuresBarsInEighthsAgainstTheLargestClient) {
  const std::string map = HeatMap(Counts({{192}, {96}, {1}, {100}}));
  EXPECT_THAT(map, HasSubstr("192 ████████████████████████\n"));
  EXPECT_THAT(map, HasSubstr(" 96 ████████████\n"));
  EXPECT_THAT(map, HasSubstr("  1 ▏\n"));
  EXPECT_THAT(map, HasSubstr("100 ████████████▌\n"));
}

TEST(HeatMap, FitsInto80ColumnsWhateverItShows) {
  for (const std::int64_t classes : {1, 2, 10, 26, 50, 62, 100, 200, 1000}) {
    for (const std::int64_t clients : {1, 10, 300}) {
      Matrix matrix(static_cast<std::size_t>(clients));
      auto stream = core::Stream::Named(1, "test");
      for (auto& row : matrix) {
        for (std::int64_t label = 0; label < classes; ++label) {
          row.push_back(static_cast<std::int64_t>(stream.Below(2000000)));
        }
      }
      for (const bool utf8 : {true, false}) {
        for (const std::int64_t columns : {1, 7, 50, 1000}) {
          const auto lines = Lines(
              HeatMap(Counts(matrix),
                      {.max_rows = 12, .max_columns = columns, .utf8 = utf8}));
          for (const std::string& line : lines) {
            ASSERT_LE(WidthOf(line), 80) << line;
          }
        }
      }
    }
  }
}

TEST(HeatMap, ShowsSomeOfManyClientsAndSaysSo) {
  const std::string map = HeatMap(Counts(Matrix(100, {1, 1})), {.max_rows = 4});
  const auto lines = Lines(map);
  EXPECT_THAT(lines[1], testing::StartsWith("     0 "));
  EXPECT_THAT(lines[2], testing::StartsWith("    25 "));
  EXPECT_THAT(lines[4], testing::StartsWith("    75 "));
  EXPECT_EQ(lines.back(), "column = class; 4 of 100 clients, evenly spaced");
}

TEST(HeatMap, SharesAColumnAmongNeighbouringClassesAndSaysSo) {
  // 4 columns of 2 classes; the last class alone would be shade "to 35%".
  const std::string map =
      HeatMap(Counts({{0, 0, 0, 0, 0, 0, 3, 1}}), {.max_columns = 4});
  EXPECT_THAT(map,
              HasSubstr("client 0 2 4 6  samples\n"
                        "     0       ██       4"));
  EXPECT_THAT(map, HasSubstr("column = 2 classes, named by the first\n"));
}

int NumShades(const std::string& map, const std::vector<std::string>& shades) {
  const std::string cells = map.substr(0, map.find("shade"));
  int found = 0;
  for (const std::string& shade : shades) {
    if (cells.find(shade) != std::string::npos) ++found;
  }
  return found;
}

TEST(HeatMap, GivesEqualSharesOneShade) {
  for (const std::size_t classes : {2U, 3U, 4U, 5U, 8U, 10U, 20U, 50U}) {
    auto stream = core::Stream::Named(classes, "test");
    Matrix matrix(30);
    for (auto& row : matrix) {
      row.assign(classes, 1000);
      // Up to 2 percent more or less of a class.
      for (auto& count : row) {
        count += static_cast<std::int64_t>(stream.Below(41)) - 20;
      }
    }
    const std::string map = HeatMap(Counts(matrix), {.max_rows = 30});
    EXPECT_EQ(NumShades(map, {"░", "▒", "▓"}), 1) << map;
    const std::string ascii =
        HeatMap(Counts(matrix), {.max_rows = 30, .utf8 = false});
    EXPECT_EQ(NumShades(ascii, {".", ":", "-", "=", "+", "*"}), 1) << ascii;
  }
}

TEST(HeatMap, LowersTheBoundsWhereColumnsAreMany) {
  // 40 columns: 15, 35 and 65 percent times 10 / 40, rounded up.
  std::vector<std::int64_t> row(40, 0);
  row[0] = 4;
  row[1] = 9;
  row[2] = 17;
  row[3] = 70;
  const std::string map = HeatMap(Counts({row}));
  EXPECT_THAT(map, HasSubstr("     0 ░▒▓█ "));
  EXPECT_THAT(map, HasSubstr("░ to 4%  ▒ to 9%  ▓ to 17%  █ above\n"));
}

TEST(HeatMap, SaysWhenThereIsNothingToShow) {
  EXPECT_EQ(HeatMap(ClassCounts{}), "no clients\n");
}

}  // namespace
}  // namespace fedtorch::partition
