#include "fedtorch/partition/heat_map.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

namespace fedtorch::partition {
namespace {

constexpr std::int64_t kWidth = 80;
constexpr std::int64_t kShortestBar = 8;
constexpr std::int64_t kLongestBar = 24;

struct Shade {
  double up_to;  ///< largest share drawn this way, in percent
  std::string_view symbol;
};

// The bounds keep away from 1/2, 1/4, 1/5 and 1/10, so that equal shares of
// usual numbers of classes give an even picture. They are those of up to
// kPlainColumns columns; with more of them all shares are smaller, and the
// bounds shrink alike.
constexpr std::array<Shade, 4> kBlocks{
    {{15, "░"}, {35, "▒"}, {65, "▓"}, {100, "█"}}};
constexpr std::array<Shade, 9> kAscii{{{6, "."},
                                       {15, ":"},
                                       {22, "-"},
                                       {29, "="},
                                       {40, "+"},
                                       {55, "*"},
                                       {70, "#"},
                                       {85, "%"},
                                       {100, "@"}}};
constexpr std::int64_t kPlainColumns = 10;
constexpr std::array<std::string_view, 8> kEighths{
    "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

/// Says where things stand in a line: client, cells, size, bar.
struct Layout {
  std::int64_t label_width = 0;
  std::int64_t columns = 0;
  std::int64_t classes_per_column = 1;
  std::int64_t cell_width = 1;
  std::int64_t size_width = 0;
  std::int64_t bar_width = 0;
};

std::string PadLeft(const std::string& text, std::int64_t width) {
  const auto wanted = static_cast<std::size_t>(width);
  return std::string(wanted - std::min(wanted, text.size()), ' ') + text;
}

std::string Repeat(std::string_view text, std::int64_t times) {
  std::string repeated;
  for (std::int64_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

Layout MakeLayout(const ClassCounts& counts,
                  std::int64_t largest,
                  const HeatMapOptions& options) {
  Layout layout;
  layout.label_width = std::max<std::int64_t>(
      6, std::ssize(std::to_string(counts.num_clients())));
  layout.size_width =
      std::max<std::int64_t>(7, std::ssize(std::to_string(largest)));
  // One space stands between client, cells, size and bar.
  const std::int64_t room =
      kWidth - layout.label_width - layout.size_width - kShortestBar - 3;
  const std::int64_t most =
      std::clamp<std::int64_t>(options.max_columns, 1, room);
  layout.classes_per_column = (counts.num_classes + most - 1) / most;
  layout.columns = (counts.num_classes + layout.classes_per_column - 1) /
                   layout.classes_per_column;
  layout.cell_width = 2 * layout.columns <= room ? 2 : 1;
  layout.bar_width = std::min(
      kLongestBar, room + kShortestBar - layout.columns * layout.cell_width);
  return layout;
}

/// Writes the number of the first class of every so many columns.
std::string Ruler(const Layout& layout, std::int64_t num_classes) {
  const auto digits = std::ssize(std::to_string(num_classes - 1));
  std::int64_t step = 1;
  for (const std::int64_t wider : {1, 2, 5, 10, 20, 25, 50}) {
    step = wider;
    if (step * layout.cell_width > digits) break;
  }
  const std::int64_t width = layout.columns * layout.cell_width;
  std::string ruler(static_cast<std::size_t>(width), ' ');
  for (std::int64_t column = 0; column < layout.columns; column += step) {
    const std::string label =
        std::to_string(column * layout.classes_per_column);
    const auto at = static_cast<std::size_t>(column * layout.cell_width);
    if (at + label.size() > ruler.size()) break;
    ruler.replace(at, label.size(), label);
  }
  return ruler;
}

std::vector<Shade> ShadesFor(const Layout& layout, bool utf8) {
  std::vector<Shade> shades(kBlocks.begin(), kBlocks.end());
  if (!utf8) shades.assign(kAscii.begin(), kAscii.end());
  if (layout.columns > kPlainColumns) {
    for (Shade& shade : shades) {
      shade.up_to *= static_cast<double>(kPlainColumns) /
                     static_cast<double>(layout.columns);
      // The legend of the blocks names their bounds: whole percents.
      if (utf8) shade.up_to = std::ceil(shade.up_to);
    }
  }
  return shades;
}

std::string_view Cell(double share, const std::vector<Shade>& shades) {
  if (!(share > 0.0)) return " ";
  for (const Shade& shade : shades) {
    if (100.0 * share <= shade.up_to) return shade.symbol;
  }
  return shades.back().symbol;
}

std::string Bar(std::int64_t size,
                std::int64_t largest,
                std::int64_t width,
                bool utf8) {
  if (size == 0) return "";
  const double length = static_cast<double>(size) /
                        static_cast<double>(largest) *
                        static_cast<double>(width);
  if (!utf8) {
    return std::string(
        std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(length))),
        '#');
  }
  const std::int64_t eighths = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::lround(length * 8.0)));
  std::string bar = Repeat(kEighths.back(), eighths / 8);
  if (eighths % 8 > 0) {
    bar += kEighths[static_cast<std::size_t>(eighths % 8 - 1)];
  }
  return bar;
}

std::string Row(const ClassCounts& counts,
                std::int64_t client,
                std::int64_t size,
                std::int64_t largest,
                const Layout& layout,
                const std::vector<Shade>& shades,
                bool utf8) {
  std::vector<double> shares(static_cast<std::size_t>(layout.columns), 0.0);
  for (const auto& entry : counts.Of(client)) {
    shares[static_cast<std::size_t>(entry.label / layout.classes_per_column)] +=
        static_cast<double>(entry.count) / static_cast<double>(size);
  }
  std::string row = PadLeft(std::to_string(client), layout.label_width) + " ";
  for (const double share : shares) {
    row += Repeat(Cell(share, shades), layout.cell_width);
  }
  row += " " + PadLeft(std::to_string(size), layout.size_width);
  const std::string bar = Bar(size, largest, layout.bar_width, utf8);
  return bar.empty() ? row : row + " " + bar;
}

std::string Legend(const ClassCounts& counts,
                   std::int64_t rows,
                   const Layout& layout,
                   const std::vector<Shade>& shades,
                   bool utf8) {
  std::string legend = "shade = share of the client's samples: ";
  for (const Shade& shade : shades) {
    legend += shade.symbol;
    if (!utf8) continue;
    legend += &shade == &shades.back()
                  ? " above"
                  : " to " + std::to_string(std::lround(shade.up_to)) + "%  ";
  }
  legend += utf8 ? "\n" : " from few to all\n";
  legend += layout.classes_per_column == 1
                ? "column = class"
                : "column = " + std::to_string(layout.classes_per_column) +
                      " classes, named by the first";
  if (rows < counts.num_clients()) {
    legend += "; " + std::to_string(rows) + " of " +
              std::to_string(counts.num_clients()) + " clients, evenly spaced";
  }
  return legend + "\n";
}

}  // namespace

std::string HeatMap(const ClassCounts& counts, const HeatMapOptions& options) {
  const std::int64_t clients = counts.num_clients();
  if (clients == 0 || counts.num_classes == 0) return "no clients\n";
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(clients), 0);
  for (std::int64_t client = 0; client < clients; ++client) {
    for (const auto& entry : counts.Of(client)) {
      sizes[static_cast<std::size_t>(client)] += entry.count;
    }
  }
  const std::int64_t largest =
      std::max<std::int64_t>(1, std::ranges::max(sizes));
  const Layout layout = MakeLayout(counts, largest, options);
  const std::vector<Shade> shades = ShadesFor(layout, options.utf8);

  std::string map = PadLeft("client", layout.label_width) + " " +
                    Ruler(layout, counts.num_classes) + " " +
                    PadLeft("samples", layout.size_width) + "\n";
  const std::int64_t rows =
      std::clamp<std::int64_t>(options.max_rows, 1, clients);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t client = row * clients / rows;
    map += Row(counts,
               client,
               sizes[static_cast<std::size_t>(client)],
               largest,
               layout,
               shades,
               options.utf8) +
           "\n";
  }
  return map + Legend(counts, rows, layout, shades, options.utf8);
}

}  // namespace fedtorch::partition
