#include "fedtorch/study/heat_picture.h"

#include "fedtorch/study/svg.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace fedtorch::study {
namespace {

using Color = std::array<double, 3>;

// Yellow to green to blue, falling steadily in lightness, so that it also
// reads in grey. After ColorBrewer's YlGnBu (Harrower and Brewer 2003).
constexpr std::array<Color, 6> kRamp{Color{255, 250, 215},
                                     Color{206, 234, 180},
                                     Color{127, 205, 187},
                                     Color{65, 165, 194},
                                     Color{38, 103, 171},
                                     Color{30, 46, 120}};
constexpr std::string_view kMissing = "#f0f1f3";
constexpr std::string_view kFrame = "#d1495b";
constexpr std::string_view kMuted = "#5b6775";

constexpr double kRowHeight = 46.0;
constexpr double kExtraHeight = 13.0;  // of a row with warnings
constexpr double kNoteSize = 10.5;
constexpr double kNarrowest = 84.0;  // of a column
constexpr double kGap = 14.0;        // before the worst column
constexpr double kMargin = 12.0;
constexpr double kLabelSize = 13.0;
constexpr double kColumnLabel = 110.0;  // widest line of a head
constexpr double kRowLabel = 240.0;
constexpr double kLineHeight = 1.2;
constexpr double kLegend = 46.0;

Color ColorAt(double value, const HeatScale& scale) {
  const double span = scale.high - scale.low;
  double share = span > 0.0 ? (value - scale.low) / span : 1.0;
  share = std::clamp(std::isfinite(share) ? share : 0.0, 0.0, 1.0);
  if (scale.reversed) share = 1.0 - share;
  const double at = share * static_cast<double>(kRamp.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), kRamp.size() - 2);
  const double rest = at - static_cast<double>(low);
  Color color{};
  for (std::size_t i = 0; i < 3; ++i) {
    color[i] = kRamp[low][i] + rest * (kRamp[low + 1][i] - kRamp[low][i]);
  }
  return color;
}

// Relative luminance (WCAG 2.1).
double Luminance(const Color& color) {
  constexpr Color kWeights{0.2126, 0.7152, 0.0722};
  double sum = 0.0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = color[i] / 255.0;
    sum += kWeights[i] *
           (c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

std::string Hex(const Color& color) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const double part : color) {
    const auto byte = static_cast<std::size_t>(std::lround(part));
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

class HeatMap {
 public:
  HeatMap(const HeatTable& table, const HeatScale& scale)
      : table_(table), scale_(scale) {
    std::size_t head_lines = 1;
    for (const std::string& column : table.columns) {
      heads_.push_back(WrapLabel(column, kColumnLabel, kLabelSize));
      head_lines = std::max(head_lines, heads_.back().size());
      for (const std::string& line : heads_.back()) {
        cell_ = std::max(cell_, TextWidth(line, kLabelSize) + 12.0);
      }
    }
    for (const auto& row : table.fields) {
      for (const HeatField& field : row) Fit(field, &cell_);
    }
    worst_ = cell_;
    for (const HeatField& field : table.worst) Fit(field, &worst_);
    for (const std::string& row : table.rows) {
      sides_.push_back(WrapLabel(row, kRowLabel, kLabelSize));
      for (const std::string& line : sides_.back()) {
        left_ = std::max(left_, TextWidth(line, kLabelSize) + 2.0 * kMargin);
      }
    }
    top_ = kMargin + (table.column_head.empty() ? 0.0 : 20.0) + 10.0 +
           kLineHeight * kLabelSize * static_cast<double>(head_lines);
  }

  std::string Draw() {
    const auto rows = static_cast<double>(table_.rows.size());
    const auto columns = static_cast<double>(table_.columns.size());
    const bool has_worst = !table_.worst.empty();
    const double right = left_ + columns * cell_;
    const double width =
        std::max(right + (has_worst ? kGap + worst_ : 0.0), left_ + 220.0) +
        kMargin;
    const double height = top_ + rows * row_height_ + kLegend;
    Svg svg(width, height, table_.title);
    if (!table_.column_head.empty()) {
      svg.Text(left_ + 0.5 * columns * cell_,
               kMargin + 8.0,
               table_.column_head,
               {.size = 12.0, .anchor = "middle", .fill = kMuted});
    }
    for (std::size_t j = 0; j < heads_.size(); ++j) {
      Head(&svg, left_ + (static_cast<double>(j) + 0.5) * cell_, heads_[j]);
    }
    if (has_worst)
      Head(&svg, right + kGap + 0.5 * worst_, {"worst case"}, true);
    for (std::size_t i = 0; i < table_.rows.size(); ++i) {
      const double y = top_ + static_cast<double>(i) * row_height_;
      svg.Block(left_ - kMargin,
                y + 0.5 * row_height_,
                sides_[i],
                {.size = kLabelSize, .anchor = "end"});
      for (std::size_t j = 0; j < table_.columns.size(); ++j) {
        Field(&svg,
              left_ + static_cast<double>(j) * cell_,
              y,
              cell_,
              table_.fields[i][j]);
      }
      if (has_worst) {
        Field(&svg, right + kGap, y, worst_, table_.worst[i]);
      }
    }
    if (has_worst && table_.best_row) {
      const double y =
          top_ + static_cast<double>(*table_.best_row) * row_height_;
      svg.Rect(right + kGap + 1.5,
               y + 1.5,
               worst_ - 3.0,
               row_height_ - 3.0,
               "none",
               kFrame,
               3.0);
    }
    Legend(&svg, top_ + rows * row_height_ + 16.0);
    return svg.Finish();
  }

 private:
  // Makes room for what stands in a field.
  void Fit(const HeatField& field, double* width) {
    for (const std::string* line : {&field.note, &field.warning}) {
      *width = std::max(*width, TextWidth(*line, kNoteSize) + 10.0);
    }
    if (!field.note.empty() && !field.warning.empty()) {
      row_height_ = kRowHeight + kExtraHeight;
    }
  }

  void Head(Svg* svg,
            double x,
            const std::vector<std::string>& lines,
            bool bold = false) const {
    // The last line stands right above the fields.
    const double block =
        kLineHeight * kLabelSize * static_cast<double>(lines.size());
    svg->Block(x,
               top_ - 6.0 - 0.5 * block,
               lines,
               {.size = kLabelSize,
                .anchor = "middle",
                .weight = bold ? "bold" : "normal"});
  }

  void Field(Svg* svg,
             double x,
             double y,
             double width,
             const HeatField& field) const {
    const double middle = x + 0.5 * width;
    const std::string fill =
        field.value ? HeatColor(*field.value, scale_) : std::string(kMissing);
    svg->Rect(x, y, width, row_height_, fill, "#ffffff", 2.0);
    const std::string ink =
        field.value ? HeatTextColor(*field.value, scale_) : std::string(kMuted);
    const int lines =
        (field.note.empty() ? 0 : 1) + (field.warning.empty() ? 0 : 1);
    double at = y + 0.5 * row_height_ - 7.0 * lines;
    svg->Text(middle,
              at,
              field.value ? FixedText(*field.value, 3) : "missing",
              {.size = field.value ? 15.0 : 12.0,
               .anchor = "middle",
               .weight = field.value ? "bold" : "normal",
               .fill = ink});
    at += 17.0;
    for (const std::string* line : {&field.note, &field.warning}) {
      if (line->empty()) continue;
      svg->Text(middle,
                at,
                *line,
                {.size = kNoteSize, .anchor = "middle", .fill = ink});
      at += kExtraHeight;
    }
  }

  void Legend(Svg* svg, double y) const {
    constexpr int kSteps = 40;
    constexpr double kWidth = 200.0;
    for (int i = 0; i < kSteps; ++i) {
      const double share = (i + 0.5) / kSteps;
      svg->Rect(
          left_ + kWidth * i / kSteps,
          y,
          kWidth / kSteps + 0.3,
          10.0,
          HeatColor(scale_.low + share * (scale_.high - scale_.low), scale_));
    }
    const TextStyle style{.size = 10.5, .anchor = "start", .fill = kMuted};
    svg->Text(left_, y + 19.0, FixedText(scale_.low, 2), style);
    TextStyle end = style;
    end.anchor = "end";
    svg->Text(left_ + kWidth, y + 19.0, FixedText(scale_.high, 2), end);
  }

  const HeatTable& table_;
  const HeatScale& scale_;
  std::vector<std::vector<std::string>> heads_;
  std::vector<std::vector<std::string>> sides_;
  double cell_ = kNarrowest;   // width of a field
  double worst_ = kNarrowest;  // the same in the worst column
  double row_height_ = kRowHeight;
  double left_ = 60.0;
  double top_ = 0.0;
};

}  // namespace

std::string HeatColor(double value, const HeatScale& scale) {
  return Hex(ColorAt(value, scale));
}

std::string HeatTextColor(double value, const HeatScale& scale) {
  // Whichever of the two has the higher contrast.
  return Luminance(ColorAt(value, scale)) > 0.2 ? "#14202b" : "#ffffff";
}

std::string DrawHeatMap(const HeatTable& table, const HeatScale& scale) {
  return HeatMap(table, scale).Draw();
}

}  // namespace fedtorch::study
