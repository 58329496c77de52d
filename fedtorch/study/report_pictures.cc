#include "fedtorch/study/report_pictures.h"

#include "fedtorch/core/json_line.h"
#include "fedtorch/study/curve_picture.h"
#include "fedtorch/study/heat_picture.h"
#include "fedtorch/study/svg.h"
#include "fedtorch/study/sweep_results.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::study {
namespace {

constexpr std::size_t kMostLines = 10;  // of one picture of curves

std::string Joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + ", " + b;
}

HeatField FieldOf(const ReportCell& cell) {
  HeatField field;
  // The table has the whole of it.
  if (cell.diverged > 0) {
    field.warning = std::to_string(cell.diverged) + " diverged";
  } else {
    field.warning = CellNote(cell);
  }
  if (!cell.has_value()) return field;
  field.value = cell.final.mean;
  if (cell.final.count > 1) {
    field.note = "\u00b1 " + FixedText(cell.final.deviation, 3);
  }
  return field;
}

HeatField WorstField(const Report& report, const ReportRow& row) {
  if (!row.worst) return {};
  return {row.cells[*row.worst].final.mean,
          report.attacks.size() > 1 ? report.attacks[*row.worst] : "",
          ""};
}

std::string CsvOf(const HeatTable& table) {
  std::string text = "row";
  for (const std::string& column : table.columns) text += "," + CsvCell(column);
  if (!table.worst.empty()) text += ",worst";
  text += "\n";
  const auto append = [&text](const HeatField& field) {
    text += "," + (field.value ? core::JsonNumber(*field.value) : "");
  };
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    text += CsvCell(table.rows[i]);
    for (const HeatField& field : table.fields[i]) append(field);
    if (!table.worst.empty()) append(table.worst[i]);
    text += "\n";
  }
  return text;
}

std::string CsvOf(const std::vector<NamedCurve>& curves) {
  std::string text = "line,round,mean,std\n";
  for (const NamedCurve& curve : curves) {
    for (const Curve::Point& point : curve.curve.points) {
      text += CsvCell(curve.name) + "," + std::to_string(point.round) + "," +
              core::JsonNumber(point.mean) + "," +
              core::JsonNumber(point.deviation) + "\n";
    }
  }
  return text;
}

// One scale for all heat maps, so that colours can be compared.
HeatScale ScaleOf(const Report& report) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const ReportPanel& panel : report.panels) {
    for (const ReportRow& row : panel.rows) {
      for (const ReportCell& cell : row.cells) {
        if (!cell.has_value()) continue;
        low = std::min(low, cell.final.mean);
        high = std::max(high, cell.final.mean);
      }
    }
  }
  if (!(low <= high)) return {0.0, 1.0, !report.higher_is_better};
  const std::vector<double> ticks = NiceTicks(low, high, 5);
  return {ticks.front(), ticks.back(), !report.higher_is_better};
}

Figure HeatFigure(HeatTable table,
                  const HeatScale& scale,
                  const std::string& stem,
                  const std::string& caption) {
  table.title = caption;
  return {stem, caption, DrawHeatMap(table, scale), CsvOf(table)};
}

// Rows under attacks.
HeatTable AttackTable(const Report& report, const ReportPanel& panel) {
  HeatTable table;
  table.column_head = report.has_attacks ? "attack" : "";
  for (const std::string& attack : report.attacks) {
    table.columns.push_back(attack.empty() ? report.metric : attack);
  }
  for (const ReportRow& row : panel.rows) {
    table.rows.push_back(row.label);
    table.fields.emplace_back();
    for (const ReportCell& cell : row.cells) {
      table.fields.back().push_back(FieldOf(cell));
    }
    if (report.attacks.size() > 1) {
      table.worst.push_back(WorstField(report, row));
    }
  }
  table.best_row = BestRow(report, panel);
  return table;
}

// Rows over panels, where no attack takes the columns.
HeatTable PanelTable(const Report& report) {
  HeatTable table;
  table.column_head = "heterogeneity";
  for (const ReportPanel& panel : report.panels) {
    table.columns.push_back(panel.Title());
    for (const ReportRow& row : panel.rows) {
      if (std::find(table.rows.begin(), table.rows.end(), row.label) ==
          table.rows.end()) {
        table.rows.push_back(row.label);
      }
    }
  }
  for (const std::string& label : table.rows) {
    table.fields.emplace_back();
    for (const ReportPanel& panel : report.panels) {
      HeatField field;
      for (const ReportRow& row : panel.rows) {
        if (row.label == label) field = FieldOf(row.cells.front());
      }
      table.fields.back().push_back(field);
    }
  }
  return table;
}

template <class Get>
std::vector<std::string> Labels(const Report& report, Get get) {
  std::vector<std::string> labels;
  for (const ReportPanel& panel : report.panels) {
    const std::string& label = get(panel);
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) {
      labels.push_back(label);
    }
  }
  return labels;
}

}  // namespace

std::string CellNote(const ReportCell& cell) {
  if (cell.trials.empty()) return "";
  std::string note;
  if (cell.done < cell.trials.size()) {
    note =
        std::to_string(cell.done) + " of " + std::to_string(cell.trials.size());
  }
  if (cell.diverged > 0) {
    note = Joined(note, std::to_string(cell.diverged) + " diverged");
  }
  return note;
}

std::optional<std::size_t> BestRow(const Report& report,
                                   const ReportPanel& panel) {
  std::optional<std::size_t> best;
  const auto worst = [&panel](std::size_t i) {
    const ReportRow& row = panel.rows[i];
    return row.cells[*row.worst].final.mean;
  };
  for (std::size_t i = 0; i < panel.rows.size(); ++i) {
    if (!panel.rows[i].worst) continue;
    if (!best || (report.higher_is_better ? worst(i) > worst(*best)
                                          : worst(i) < worst(*best))) {
      best = i;
    }
  }
  return best;
}

std::vector<Figure> HeatFigures(const Report& report) {
  std::vector<Figure> figures;
  if (!report.has_attacks && !report.has_defences) return figures;
  const HeatScale scale = ScaleOf(report);
  const std::string what = report.metric + " after the last round";
  if (!report.has_attacks && report.panels.size() > 1) {
    figures.push_back(
        HeatFigure(PanelTable(report), scale, "heat_map_1", what));
    return figures;
  }
  for (const ReportPanel& panel : report.panels) {
    const std::string title = panel.Title();
    figures.push_back(
        HeatFigure(AttackTable(report, panel),
                   scale,
                   "heat_map_" + std::to_string(figures.size() + 1),
                   title.empty() ? what : what + ": " + title));
  }
  return figures;
}

std::vector<Figure> ByzantineFigures(const Report& report) {
  std::vector<Figure> figures;
  const std::vector<std::string> counts =
      Labels(report, [](const ReportPanel& panel) -> const std::string& {
        return panel.byzantine;
      });
  if (counts.size() < 2) return figures;
  const std::vector<std::string> kinds =
      Labels(report, [](const ReportPanel& panel) -> const std::string& {
        return panel.heterogeneity;
      });
  std::vector<std::string> rows;
  for (const ReportPanel& panel : report.panels) {
    for (const ReportRow& row : panel.rows) {
      if (std::find(rows.begin(), rows.end(), row.label) == rows.end()) {
        rows.push_back(row.label);
      }
    }
  }
  const HeatScale scale = ScaleOf(report);
  for (const std::string& label : rows) {
    HeatTable table;
    table.column_head = kinds.size() > 1 ? "heterogeneity" : "";
    table.rows = counts;
    for (const std::string& kind : kinds) {
      table.columns.push_back(kind.empty() ? "worst case" : kind);
    }
    table.fields.assign(counts.size(), std::vector<HeatField>(kinds.size()));
    for (const ReportPanel& panel : report.panels) {
      const auto at = [](const auto& list, const std::string& text) {
        return static_cast<std::size_t>(
            std::find(list.begin(), list.end(), text) - list.begin());
      };
      for (const ReportRow& row : panel.rows) {
        if (row.label != label) continue;
        table.fields[at(counts, panel.byzantine)]
                    [at(kinds, panel.heterogeneity)] = WorstField(report, row);
      }
    }
    figures.push_back(
        HeatFigure(table,
                   scale,
                   "attackers_" + std::to_string(figures.size() + 1),
                   label + ": " + report.metric + " under the worst attack"));
  }
  return figures;
}

std::vector<Figure> CurveFigures(const Report& report) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const ReportPanel& panel : report.panels) {
    for (const ReportRow& row : panel.rows) {
      for (const ReportCell& cell : row.cells) {
        for (const Curve::Point& point : cell.curve.points) {
          if (!std::isfinite(point.mean)) continue;
          low = std::min(low, point.mean - point.deviation);
          high = std::max(high, point.mean + point.deviation);
        }
      }
    }
  }
  std::vector<Figure> figures;
  if (!(low <= high)) return figures;
  // A band may leave what the metric can be; the axis need not follow it.
  if (report.metric.find("accuracy") != std::string::npos) {
    low = std::max(low, 0.0);
    high = std::min(high, 1.0);
  }
  for (const ReportPanel& panel : report.panels) {
    for (std::size_t attack = 0; attack < report.attacks.size(); ++attack) {
      for (std::size_t first = 0; first < panel.rows.size();
           first += kMostLines) {
        CurveTable table;
        table.title = Joined(panel.Title(), report.attacks[attack]);
        if (panel.rows.size() > kMostLines) {
          table.title = Joined(
              table.title, "part " + std::to_string(first / kMostLines + 1));
        }
        if (table.title.empty()) table.title = "All settings";
        table.y_label = report.metric;
        table.low = low;
        table.high = high;
        const std::size_t last =
            std::min(first + kMostLines, panel.rows.size());
        for (std::size_t i = first; i < last; ++i) {
          const ReportRow& row = panel.rows[i];
          table.curves.push_back({row.label.empty() ? "all" : row.label,
                                  row.cells[attack].curve,
                                  i});
        }
        const std::string caption =
            report.metric + " over rounds: " + table.title;
        figures.push_back({"curves_" + std::to_string(figures.size() + 1),
                           caption,
                           DrawCurves(table),
                           CsvOf(table.curves)});
      }
    }
  }
  return figures;
}

}  // namespace fedtorch::study
