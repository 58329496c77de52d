#include "fedtorch/study/curve_picture.h"
#include "fedtorch/study/heat_picture.h"
#include "fedtorch/study/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

namespace fedtorch::study {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Says why a text is not well-formed XML, "" when it is: tags nest, attributes
// are quoted and not repeated, '<' and '&' stand for themselves nowhere.
std::string WhyMalformed(const std::string& text) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '&') {
      const std::size_t end = text.find(';', at);
      if (end == std::string::npos || end - at > 6) return "a bare '&'";
      at = end + 1;
      continue;
    }
    if (text[at] != '<') {
      ++at;
      continue;
    }
    const std::size_t end = text.find('>', at);
    if (end == std::string::npos) return "an open tag";
    std::string tag = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "</" + tag;
      open.pop_back();
      continue;
    }
    const bool closes = tag.ends_with('/');
    if (closes) tag.pop_back();
    const std::string name = tag.substr(0, tag.find(' '));
    std::vector<std::string> names;
    std::size_t i = name.size();
    while (i < tag.size()) {
      if (tag[i] != ' ') return "no space before an attribute of " + name;
      const std::size_t equals = tag.find("=\"", i);
      if (equals == std::string::npos) return "an attribute without value";
      names.push_back(tag.substr(i + 1, equals - i - 1));
      const std::size_t quote = tag.find('"', equals + 2);
      if (quote == std::string::npos) return "an open quote";
      if (tag.substr(equals + 2, quote - equals - 2).find('<') !=
          std::string::npos) {
        return "'<' in an attribute";
      }
      i = quote + 1;
    }
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
      return "an attribute of " + name + " twice";
    }
    if (!closes) open.push_back(name);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

TEST(WhyMalformed, FindsMistakes) {
  EXPECT_EQ(WhyMalformed("<a b=\"1\"><c/>&amp;</a>"), "");
  EXPECT_NE(WhyMalformed("<a><b></a></b>"), "");
  EXPECT_NE(WhyMalformed("<a b=1/>"), "");
  EXPECT_NE(WhyMalformed("<a b=\"1\" b=\"2\"/>"), "");
  EXPECT_NE(WhyMalformed("<a>x & y</a>"), "");
  EXPECT_NE(WhyMalformed("<a>"), "");
}

constexpr const char* kNasty = "a<b>&\"c'\x01(x=1), d_e+f";

TEST(EscapeXml, LeavesNothingThatXmlReads) {
  EXPECT_EQ(EscapeXml("a<b>&\"c\x01"), "a&lt;b&gt;&amp;&quot;c ");
  EXPECT_EQ(EscapeXml("\u00b1"), "\u00b1");
}

TEST(WrapLabel, BreaksAtSeparatorsAndLosesNothing) {
  EXPECT_THAT(WrapLabel("sign_flip(scale=10)", 90.0, 13.0),
              ElementsAre("sign_flip", "(scale=10)"));
  EXPECT_THAT(WrapLabel("krum", 10.0, 13.0), ElementsAre("krum"));
  EXPECT_THAT(WrapLabel("", 10.0, 13.0), ElementsAre(""));
  EXPECT_THAT(WrapLabel("(a=1)", 10.0, 13.0), ElementsAre("(a=1)"));
}

HeatTable NastyTable() {
  HeatTable table;
  table.title = kNasty;
  table.column_head = kNasty;
  table.columns = {kNasty, "none"};
  table.rows = {"mean", kNasty};
  table.fields = {{{0.25, "\u00b1 0.1", kNasty}, {std::nullopt, "0 of 3", ""}},
                  {{-1.0, "", ""}, {2.0, "", ""}}};
  table.worst = {{0.25, kNasty, ""}, {std::nullopt, "", ""}};
  table.best_row = 0;
  return table;
}

TEST(DrawHeatMap, IsWellFormedAndHoldsTheNumbers) {
  const std::string svg = DrawHeatMap(NastyTable(), {0.0, 1.0, false});
  EXPECT_EQ(WhyMalformed(svg), "");
  EXPECT_THAT(svg, HasSubstr(">0.250</text>"));
  EXPECT_THAT(svg, HasSubstr(">missing</text>"));
  EXPECT_THAT(svg, HasSubstr("worst case"));
  EXPECT_EQ(svg, DrawHeatMap(NastyTable(), {0.0, 1.0, false}));
}

double Lightness(const std::string& color) {
  double sum = 0.0;
  for (const std::size_t at : {1u, 3u, 5u}) {
    sum += std::stoi(color.substr(at, 2), nullptr, 16);
  }
  return sum;
}

TEST(HeatColor, FallsInLightnessAndStaysReadable) {
  for (double value = 0.0; value < 0.99; value += 0.01) {
    EXPECT_GT(Lightness(HeatColor(value, {0.0, 1.0, false})),
              Lightness(HeatColor(value + 0.01, {0.0, 1.0, false})))
        << value;
    EXPECT_NEAR(Lightness(HeatColor(value, {0.0, 1.0, false})),
                Lightness(HeatColor(1.0 - value, {0.0, 1.0, true})),
                3.0);
  }
  EXPECT_EQ(HeatColor(7.0, {0.0, 1.0, false}), "#1e2e78");
  EXPECT_EQ(HeatTextColor(0.0, {0.0, 1.0, false}), "#14202b");
  EXPECT_EQ(HeatTextColor(1.0, {0.0, 1.0, false}), "#ffffff");
}

TEST(NiceTicks, AreRoundAndCoverTheRange) {
  EXPECT_THAT(NiceTicks(0.0, 1.0, 5),
              ElementsAre(DoubleEq(0.0),
                          DoubleEq(0.2),
                          DoubleEq(0.4),
                          DoubleEq(0.6000000000000001),
                          DoubleEq(0.8),
                          DoubleEq(1.0)));
  EXPECT_THAT(NiceTicks(3.0, 97.0, 5),
              ElementsAre(0.0, 20.0, 40.0, 60.0, 80.0, 100.0));
  EXPECT_THAT(NiceTicks(2.0, 2.0, 1), ElementsAre(2.0, 3.0));
  EXPECT_GE(NiceTicks(-0.3, 0.3, 4).size(), 3u);
}

TEST(DrawCurves, IsWellFormedWithManyFewAndNoPoints) {
  CurveTable table;
  table.title = kNasty;
  table.y_label = kNasty;
  table.curves = {
      {kNasty, {{{0, 0.1, 0.05}, {5, 0.4, 0.1}, {10, 0.9, 0.0}}}, 0},
      {"one", {{{10, 0.5, 0.0}}}, 9},
      {"none", {}, 30}};
  const std::string svg = DrawCurves(table);
  EXPECT_EQ(WhyMalformed(svg), "");
  EXPECT_THAT(svg, HasSubstr("<polyline"));
  EXPECT_THAT(svg, HasSubstr("<polygon"));
  EXPECT_THAT(svg, HasSubstr("<circle"));
  EXPECT_EQ(WhyMalformed(DrawCurves({})), "");
}

}  // namespace
}  // namespace fedtorch::study
