#include "fedtorch/study/svg.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace fedtorch::study {
namespace {

constexpr std::string_view kFont =
    "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
constexpr double kLineHeight = 1.2;
// Where the baseline is, so that a line looks centred.
constexpr double kBaseline = 0.35;

std::string Number(double value) {
  std::string text = FixedText(value, 2);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string Attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + EscapeXml(value) + "\"";
}

std::string Attribute(std::string_view name, double value) {
  return Attribute(name, Number(value));
}

std::string PointText(const Svg::Points& points) {
  std::string text;
  for (const auto& [x, y] : points) {
    text += (text.empty() ? "" : " ") + Number(x) + "," + Number(y);
  }
  return text;
}

bool BreaksAfter(char c) {
  return c == ' ' || c == ',' || c == '+' || c == '_' || c == '-';
}

}  // namespace

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

std::string FixedText(double value, int digits) {
  std::array<char, 400> buffer{};  // 309 digits before the point, at most
  const auto result = std::to_chars(buffer.data(),
                                    buffer.data() + buffer.size(),
                                    value,
                                    std::chars_format::fixed,
                                    digits);
  return std::string(buffer.data(), result.ptr);
}

double TextWidth(std::string_view text, double size) {
  double em = 0.0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
    if (std::string_view("ijl.,:;|'!()[] ").find(c) != std::string_view::npos) {
      em += 0.36;
    } else if (std::string_view("mwMW@%").find(c) != std::string_view::npos) {
      em += 0.95;
    } else if ((c >= 'A' && c <= 'Z') || c == '=' || c == '+') {
      em += 0.74;
    } else {
      em += 0.62;
    }
  }
  return em * size;
}

std::vector<std::string> WrapLabel(const std::string& text,
                                   double width,
                                   double size) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' && !words.back().empty()) words.emplace_back();
    words.back() += text[i];
    if (BreaksAfter(text[i]) && i + 1 < text.size()) words.emplace_back();
  }
  std::vector<std::string> lines(1);
  for (const std::string& word : words) {
    if (!lines.back().empty() && TextWidth(lines.back() + word, size) > width) {
      lines.emplace_back();
    }
    lines.back() += word;
  }
  for (std::string& line : lines) {
    while (line.ends_with(' ')) line.pop_back();
  }
  return lines;
}

Svg::Svg(double width, double height, std::string_view title) {
  body_ = "<svg xmlns=\"http://www.w3.org/2000/svg\"" +
          Attribute("width", width) + Attribute("height", height) +
          Attribute("viewBox", "0 0 " + Number(width) + " " + Number(height)) +
          Attribute("font-family", kFont) + " role=\"img\">\n<title>" +
          EscapeXml(title) + "</title>\n";
  Rect(0, 0, width, height, "#ffffff");
}

void Svg::Rect(double x,
               double y,
               double width,
               double height,
               std::string_view fill,
               std::string_view stroke,
               double stroke_width) {
  body_ += "<rect" + Attribute("x", x) + Attribute("y", y) +
           Attribute("width", width) + Attribute("height", height) +
           Attribute("fill", fill);
  if (stroke != "none") {
    body_ +=
        Attribute("stroke", stroke) + Attribute("stroke-width", stroke_width);
  }
  body_ += "/>\n";
}

void Svg::Line(double x1,
               double y1,
               double x2,
               double y2,
               std::string_view stroke,
               double width,
               std::string_view dash) {
  body_ += "<line" + Attribute("x1", x1) + Attribute("y1", y1) +
           Attribute("x2", x2) + Attribute("y2", y2) +
           Attribute("stroke", stroke) + Attribute("stroke-width", width);
  if (!dash.empty()) body_ += Attribute("stroke-dasharray", dash);
  body_ += "/>\n";
}

void Svg::Polyline(const Points& points,
                   std::string_view stroke,
                   double width,
                   std::string_view dash) {
  body_ += "<polyline" + Attribute("points", PointText(points)) +
           Attribute("fill", "none") + Attribute("stroke", stroke) +
           Attribute("stroke-width", width) +
           Attribute("stroke-linejoin", "round");
  if (!dash.empty()) body_ += Attribute("stroke-dasharray", dash);
  body_ += "/>\n";
}

void Svg::Polygon(const Points& points, std::string_view fill, double opacity) {
  body_ += "<polygon" + Attribute("points", PointText(points)) +
           Attribute("fill", fill) + Attribute("fill-opacity", opacity) +
           "/>\n";
}

void Svg::Circle(double x, double y, double radius, std::string_view fill) {
  body_ += "<circle" + Attribute("cx", x) + Attribute("cy", y) +
           Attribute("r", radius) + Attribute("fill", fill) + "/>\n";
}

void Svg::Text(double x,
               double y,
               std::string_view text,
               const TextStyle& style) {
  body_ += "<text" + Attribute("x", x) +
           Attribute("y", y + kBaseline * style.size) +
           Attribute("font-size", style.size) + Attribute("fill", style.fill);
  if (style.anchor != "start") body_ += Attribute("text-anchor", style.anchor);
  if (style.weight != "normal") body_ += Attribute("font-weight", style.weight);
  body_ += ">" + EscapeXml(text) + "</text>\n";
}

void Svg::Block(double x,
                double y,
                const std::vector<std::string>& lines,
                const TextStyle& style) {
  const double step = kLineHeight * style.size;
  double at = y - 0.5 * step * static_cast<double>(lines.size() - 1);
  for (const std::string& line : lines) {
    Text(x, at, line, style);
    at += step;
  }
}

std::string Svg::Finish() { return body_ + "</svg>\n"; }

}  // namespace fedtorch::study
