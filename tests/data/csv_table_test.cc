#include "fedtorch/data/csv_table.h"

#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using Rows = std::vector<std::vector<std::string>>;

CsvTable Parse(const std::string& text,
               bool header = false,
               char delimiter = ',') {
  return CsvTable::Parse(
      {.path = "a.csv", .bytes = text, .sha256 = {}}, delimiter, header);
}

Rows RowsOf(const CsvTable& table) {
  Rows rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    rows.emplace_back();
    for (std::size_t column = 0; column < table.columns(); ++column) {
      rows.back().emplace_back(table.At(row, column));
    }
  }
  return rows;
}

std::string Refused(const std::string& text, bool header = false) {
  try {
    Parse(text, header);
  } catch (const core::DataError& error) {
    return error.what();
  }
  return "";
}

TEST(CsvTable, EndsLinesInThreeWays) {
  const Rows expected{{"1", "2"}, {"3", "4"}};
  EXPECT_EQ(RowsOf(Parse("1,2\n3,4\n")), expected);
  EXPECT_EQ(RowsOf(Parse("1,2\r\n3,4")), expected);
  EXPECT_EQ(RowsOf(Parse("1,2\r3,4\r")), expected);
  EXPECT_EQ(RowsOf(Parse("\n1,2\n  \n\r\n3,4\n\n")), expected);
}

TEST(CsvTable, ReadsTheExamplesOfTheStandard) {
  // RFC 4180, section 2, items 5 to 7.
  EXPECT_EQ(RowsOf(Parse("\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx")),
            (Rows{{"aaa", "bbb", "ccc"}, {"zzz", "yyy", "xxx"}}));
  EXPECT_EQ(RowsOf(Parse("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx")),
            (Rows{{"aaa", "b\r\nbb", "ccc"}, {"zzz", "yyy", "xxx"}}));
  EXPECT_EQ(RowsOf(Parse("\"aaa\",\"b\"\"bb\",\"ccc\"")),
            (Rows{{"aaa", "b\"bb", "ccc"}}));
}

TEST(CsvTable, DropsSpacesAroundFieldsOnly) {
  EXPECT_EQ(RowsOf(Parse(" a b , \" c \" ,\"\",\n")),
            (Rows{{"a b", " c ", "", ""}}));
  EXPECT_EQ(RowsOf(Parse("a\t b\t\t\n", false, '\t')),
            (Rows{{"a", "b", "", ""}}));
}

TEST(CsvTable, NamesColumns) {
  EXPECT_THAT(Parse("x,\"y,z\"\n1,2\n", true).names(), ElementsAre("x", "y,z"));
  EXPECT_THAT(Parse("\xef\xbb\xbfx,y\n1,2\n", true).names(),
              ElementsAre("x", "y"));
  EXPECT_THAT(Parse("5,6\n").names(), ElementsAre("0", "1"));
}

TEST(CsvTable, KnowsLines) {
  const CsvTable table = Parse("h\n\"a\nb\"\n\nc\n", true);
  EXPECT_EQ(table.LineOf(0), 2);
  EXPECT_EQ(table.LineOf(1), 5);
}

TEST(CsvTable, KeepsItsCellsWhenMoved) {
  // Short enough for a string that holds its bytes inside the object.
  CsvTable table = Parse("a,\"\"\"\"\n");
  const CsvTable moved = std::move(table);
  EXPECT_EQ(RowsOf(moved), (Rows{{"a", "\""}}));
}

TEST(CsvTable, SaysWhichLineIsWrong) {
  EXPECT_THAT(Refused(""), HasSubstr("a.csv: expected rows"));
  EXPECT_THAT(Refused("\n \n"), HasSubstr("empty file"));
  EXPECT_THAT(Refused("a,b\n", true), HasSubstr("rows after the header"));
  EXPECT_THAT(
      Refused("1,2\n3\n"),
      AllOf(HasSubstr("a.csv:2: expected 2 fields"), HasSubstr("found 1")));
  EXPECT_THAT(Refused("1,2\n3,\"4\n5,6\n"),
              AllOf(HasSubstr("a.csv:2: "), HasSubstr("closing quote")));
  EXPECT_THAT(Refused("1,2\n3,\"4\"x\n"),
              AllOf(HasSubstr("a.csv:2: "), HasSubstr("found 'x'")));
  EXPECT_THAT(Refused("a,a\n1,2\n", true),
              AllOf(HasSubstr("a.csv:1: "), HasSubstr("'a' twice")));
}

}  // namespace
}  // namespace fedtorch::data
