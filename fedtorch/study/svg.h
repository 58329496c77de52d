#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fedtorch::study {

/// Escapes text for XML and HTML, in content and in attributes; control
/// characters, which XML forbids, become spaces.
std::string EscapeXml(std::string_view text);

/// Formats a number with `digits` after the point, the same in every locale.
std::string FixedText(double value, int digits);

/// Estimates the width of a text in pixels in a common sans-serif font; on the
/// safe side. Multi-byte characters count once.
double TextWidth(std::string_view text, double size);

/// Breaks a label into lines of at most `width` pixels, after spaces, commas,
/// '+', '_' and before '('; a longer word stays whole.
std::vector<std::string> WrapLabel(const std::string& text,
                                   double width,
                                   double size);

/// Says how a text is set.
struct TextStyle {
  double size = 12.0;                 ///< pixels
  std::string_view anchor = "start";  ///< start, middle or end
  std::string_view weight = "normal";
  std::string_view fill = "#1d2733";
};

/// Builds one SVG picture. Coordinates in pixels, y downwards; equal calls give
/// equal bytes.
class Svg {
 public:
  Svg(double width, double height, std::string_view title);

  void Rect(double x,
            double y,
            double width,
            double height,
            std::string_view fill,
            std::string_view stroke = "none",
            double stroke_width = 1.0);
  void Line(double x1,
            double y1,
            double x2,
            double y2,
            std::string_view stroke,
            double width = 1.0,
            std::string_view dash = "");
  using Points = std::vector<std::pair<double, double>>;
  void Polyline(const Points& points,
                std::string_view stroke,
                double width,
                std::string_view dash = "");
  void Polygon(const Points& points, std::string_view fill, double opacity);
  void Circle(double x, double y, double radius, std::string_view fill);
  void Text(double x, double y, std::string_view text, const TextStyle& style);
  /// Sets lines below each other, the middle of the block at `y`.
  void Block(double x,
             double y,
             const std::vector<std::string>& lines,
             const TextStyle& style);

  /// Returns the picture; it can stand in HTML and in a file of its own.
  std::string Finish();

 private:
  std::string body_;
};

}  // namespace fedtorch::study
