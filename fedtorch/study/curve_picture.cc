#include "fedtorch/study/curve_picture.h"

#include "fedtorch/study/svg.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace fedtorch::study {
namespace {

// Okabe and Ito 2008, which colour-blind people can tell apart; yellow is left
// out, since it is hardly seen on white.
constexpr std::array<std::string_view, 8> kColors{"#0072b2",
                                                  "#d55e00",
                                                  "#009e73",
                                                  "#cc79a7",
                                                  "#56b4e9",
                                                  "#e69f00",
                                                  "#5b6775",
                                                  "#1d2733"};
constexpr std::array<std::string_view, 3> kDashes{"", "7 3", "2 3"};
constexpr std::string_view kGrid = "#e4e8ec";
constexpr std::string_view kMuted = "#5b6775";

constexpr double kPlotWidth = 430.0;
constexpr double kPlotHeight = 220.0;
constexpr double kLeft = 58.0;
constexpr double kTop = 50.0;
constexpr double kBottom = 44.0;
constexpr double kLegendSize = 12.0;
constexpr double kLegendRow = 19.0;
constexpr double kLegendGap = 16.0;  // between two entries
constexpr double kSample = 34.0;     // a piece of the line before its name

int DigitsOf(const std::vector<double>& ticks) {
  if (ticks.size() < 2) return 0;
  const double step = ticks[1] - ticks[0];
  return std::clamp(
      static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9);
}

}  // namespace

std::vector<double> NiceTicks(double low, double high, int count) {
  if (!(high > low)) high = low + 1.0;
  const double rough = (high - low) / std::max(count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = power * 10.0;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough - 1e-12 * rough) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; i += 1.0) ticks.push_back(i * step);
  return ticks;
}

std::string DrawCurves(const CurveTable& table) {
  double most_rounds = 1.0;
  for (const NamedCurve& curve : table.curves) {
    if (curve.curve.points.empty()) continue;
    most_rounds = std::max(
        most_rounds, static_cast<double>(curve.curve.points.back().round));
  }
  const double width = kLeft + kPlotWidth + 18.0;
  // Where the entries of the legend stand, row by row.
  Svg::Points entries;
  double entry_x = kLeft;
  double entry_y = kTop + kPlotHeight + kBottom + 10.0;
  for (const NamedCurve& curve : table.curves) {
    const double entry = kSample + TextWidth(curve.name, kLegendSize);
    if (entry_x > kLeft && entry_x + entry > width) {
      entry_x = kLeft;
      entry_y += kLegendRow;
    }
    entries.emplace_back(entry_x, entry_y);
    entry_x += entry + kLegendGap;
  }
  const double height = entry_y + kLegendRow;
  const double right = kLeft + kPlotWidth;
  const double bottom = kTop + kPlotHeight;
  Svg svg(width, height, table.title);
  svg.Text(kLeft, 14.0, table.title, {.size = 14.0, .weight = "bold"});

  const std::vector<double> ticks = NiceTicks(table.low, table.high, 5);
  const double low = ticks.front();
  const double high = ticks.back();
  const auto x_of = [&](double round) {
    return kLeft + kPlotWidth * round / most_rounds;
  };
  const auto y_of = [&](double value) {
    const double share = (value - low) / (high - low);
    return bottom - kPlotHeight * std::clamp(share, 0.0, 1.0);
  };
  const int digits = DigitsOf(ticks);
  for (const double tick : ticks) {
    svg.Line(kLeft, y_of(tick), right, y_of(tick), kGrid);
    svg.Text(kLeft - 8.0,
             y_of(tick),
             FixedText(tick, digits),
             {.size = 11.0, .anchor = "end", .fill = kMuted});
  }
  for (const double tick : NiceTicks(0.0, most_rounds, 6)) {
    if (tick > most_rounds || tick != std::floor(tick)) continue;
    svg.Line(x_of(tick), bottom, x_of(tick), bottom + 4.0, kMuted);
    svg.Text(x_of(tick),
             bottom + 14.0,
             FixedText(tick, 0),
             {.size = 11.0, .anchor = "middle", .fill = kMuted});
  }
  svg.Line(kLeft, bottom, right, bottom, kMuted);
  svg.Text(kLeft + 0.5 * kPlotWidth,
           bottom + 33.0,
           "round",
           {.size = 12.0, .anchor = "middle", .fill = kMuted});
  svg.Text(kLeft, 34.0, table.y_label, {.size = 12.0, .fill = kMuted});

  // Bands below all lines.
  for (const NamedCurve& curve : table.curves) {
    Svg::Points outline;
    bool has_width = false;
    for (const Curve::Point& point : curve.curve.points) {
      has_width = has_width || point.deviation > 0.0;
      outline.emplace_back(x_of(static_cast<double>(point.round)),
                           y_of(point.mean + point.deviation));
    }
    for (auto point = curve.curve.points.rbegin();
         point != curve.curve.points.rend();
         ++point) {
      outline.emplace_back(x_of(static_cast<double>(point->round)),
                           y_of(point->mean - point->deviation));
    }
    if (has_width) {
      svg.Polygon(outline, kColors[curve.style % kColors.size()], 0.13);
    }
  }
  for (std::size_t i = 0; i < table.curves.size(); ++i) {
    const NamedCurve& curve = table.curves[i];
    const std::string_view color = kColors[curve.style % kColors.size()];
    const std::string_view dash =
        kDashes[curve.style / kColors.size() % kDashes.size()];
    Svg::Points line;
    for (const Curve::Point& point : curve.curve.points) {
      line.emplace_back(x_of(static_cast<double>(point.round)),
                        y_of(point.mean));
    }
    if (line.size() == 1) {
      svg.Circle(line.front().first, line.front().second, 3.0, color);
    } else if (!line.empty()) {
      svg.Polyline(line, color, 2.0, dash);
    }
    const auto [x, y] = entries[i];
    svg.Line(x, y, x + kSample - 8.0, y, color, 2.5, dash);
    svg.Text(x + kSample, y, curve.name, {.size = kLegendSize});
  }
  return svg.Finish();
}

}  // namespace fedtorch::study
