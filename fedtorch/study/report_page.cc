#include "fedtorch/study/report_page.h"

#include "fedtorch/study/axis_label.h"
#include "fedtorch/study/svg.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::study {
namespace {

constexpr const char* kStyle = R"css(
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 24px 60px; max-width: 1180px;
  background: #fff; color: #1d2733; line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans",
  sans-serif; font-size: 15px; }
h1 { font-size: 28px; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 40px 0 8px; padding-top: 12px;
  border-top: 1px solid #dde2e7; }
h3 { font-size: 16px; margin: 24px 0 6px; }
p { margin: 6px 0 12px; max-width: 78ch; }
.muted, figcaption, footer { color: #5b6775; }
.facts { display: flex; flex-wrap: wrap; gap: 10px 28px; margin: 14px 0; }
.facts div b { display: block; font-size: 20px; }
.facts div { color: #5b6775; font-size: 13px; }
.facts div b { color: #1d2733; }
.figures { display: flex; flex-wrap: wrap; gap: 20px 24px; }
figure { margin: 0; max-width: 100%; overflow-x: auto; }
figure svg { max-width: 100%; height: auto; display: block; }
figcaption { font-size: 13px; margin-bottom: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0 16px; font-size: 14px; }
th, td { padding: 5px 12px; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e4e8ec; }
th { color: #5b6775; font-weight: 600; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
th.number { text-align: right; }
tr.best td { background: #eef6ee; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  font-size: 12.5px; overflow-wrap: anywhere; }
.warning { border-left: 4px solid #e69f00; padding: 6px 14px;
  background: #fdf6e7; max-width: 80ch; }
@media print {
  body { padding: 0; font-size: 11pt; }
  figure, tr, .warning { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
)css";

std::string Tag(const std::string& name, const std::string& text) {
  return "<" + name + ">" + EscapeXml(text) + "</" + name + ">";
}

std::string NumberCell(const std::string& text) {
  return "<td class=\"number\">" + EscapeXml(text) + "</td>";
}

// Mean with its confidence interval.
std::string Interval(const Spread& spread) {
  std::string text = FixedText(spread.mean, 4);
  if (std::isfinite(spread.half_width)) {
    text += " \u00b1 " + FixedText(spread.half_width, 4);
  }
  return text;
}

std::string Counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

class Page {
 public:
  Page(const Report& report,
       const FrozenSweep& sweep,
       const std::vector<ReportTrial>& trials,
       const ReportFigures& figures,
       const std::optional<Provenance>& provenance)
      : report_(report),
        sweep_(sweep),
        trials_(trials),
        figures_(figures),
        provenance_(provenance) {}

  std::string Write() {
    text_ =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta "
        "charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\">\n<title>" +
        EscapeXml(report_.name) + "</title>\n<style>" + kStyle +
        "</style>\n</head>\n<body>\n";
    Head();
    Verdict();
    Figures("Results", figures_.heat, HeatText());
    Figures("Attackers and heterogeneity",
            figures_.byzantine,
            "Each field is the mean under the attack that hurts most there.");
    Figures("Learning curves",
            figures_.curves,
            "Mean over the seeds; the band is one standard deviation to each "
            "side. All pictures have the same vertical axis.",
            false);
    Tables();
    NotDone();
    Method();
    Origin();
    text_ += "</body>\n</html>\n";
    return std::move(text_);
  }

 private:
  std::size_t Count(TrialState state) const {
    return static_cast<std::size_t>(std::count_if(
        trials_.begin(), trials_.end(), [state](const ReportTrial& trial) {
          return trial.status.state == state;
        }));
  }

  void Fact(const std::string& value, const std::string& what) {
    text_ +=
        "<div><b>" + EscapeXml(value) + "</b>" + EscapeXml(what) + "</div>\n";
  }

  void Head() {
    text_ += Tag("h1", report_.name) + "\n";
    text_ += "<p class=\"muted\">A sweep over ";
    for (std::size_t i = 0; i < sweep_.axes.size(); ++i) {
      text_ += (i == 0 ? "" : ", ") + Tag("code", sweep_.axes[i]);
    }
    if (sweep_.axes.empty()) text_ += "nothing: one trial";
    text_ += "</p>\n<div class=\"facts\">\n";
    Fact(std::to_string(Count(TrialState::kDone)) + " of " +
             std::to_string(trials_.size()),
         "trials finished");
    const std::size_t failed =
        Count(TrialState::kFailed) + Count(TrialState::kDiverged);
    if (failed > 0) Fact(std::to_string(failed), "failed or diverged");
    Fact(report_.metric,
         report_.higher_is_better ? "metric, more is better"
                                  : "metric, less is better");
    Fact(std::to_string(report_.seeds), "trials a cell (seeds)");
    text_ += "</div>\n";
    if (Count(TrialState::kDone) < trials_.size()) {
      text_ +=
          "<p class=\"warning\">Some trials are missing or failed. Means are "
          "over the finished trials only, and such fields say how many there "
          "are; a diverged trial is not part of a mean.</p>\n";
    }
  }

  std::string HeatText() const {
    std::string text =
        "Each field is the mean over seeds after the last round, with the "
        "standard deviation over seeds in small print; dark is good.";
    if (report_.attacks.size() > 1) {
      text +=
          " The worst case is the lowest mean over the attacks, and names "
          "the attack; the best of them is framed.";
    }
    return text;
  }

  // Names the best row of each panel, and whether seeds can tell it from the
  // next one.
  void Verdict() {
    text_ += Tag("h2", "Verdict") + "\n";
    if (report_.selection == Selection::kRefused) {
      text_ +=
          "<p class=\"warning\">No winner is named. The sweep varies "
          "hyper-parameters and has no validation metric (" +
          EscapeXml(ValidationMetric(report_.metric)) +
          "): choosing among them by test data would overstate the result. "
          "Every setting is a row of its own.</p>\n";
      return;
    }
    const bool has_title = std::any_of(
        report_.panels.begin(), report_.panels.end(), [](const ReportPanel& p) {
          return !p.Title().empty();
        });
    const bool has_worst = report_.attacks.size() > 1;
    text_ += "<div class=\"scroll\"><table>\n<tr>";
    if (has_title) text_ += Tag("th", "heterogeneity, attackers");
    text_ += Tag("th", has_worst ? "best in its worst case" : "best");
    if (has_worst) text_ += Tag("th", "worst attack");
    text_ += "<th class=\"number\">" + EscapeXml(report_.metric) + "</th>" +
             Tag("th", "next") + Tag("th", "difference") + "</tr>\n";
    for (const ReportPanel& panel : report_.panels) {
      text_ += "<tr>";
      if (has_title) text_ += Tag("td", panel.Title());
      VerdictCells(panel, has_worst);
      text_ += "</tr>\n";
    }
    text_ += "</table></div>\n" +
             Tag("p",
                 "\u00b1 is half the width of the 95 % confidence interval. "
                 "Where the intervals of the two overlap, these seeds do not "
                 "tell them apart.") +
             "\n";
  }

  void VerdictCells(const ReportPanel& panel, bool has_worst) {
    const auto best = BestRow(report_, panel);
    if (!best) {
      text_ += "<td colspan=\"5\" class=\"muted\">no row is complete yet</td>";
      return;
    }
    const ReportRow& row = panel.rows[*best];
    const Spread& spread = row.cells[*row.worst].final;
    text_ +=
        "<td><b>" + EscapeXml(row.label.empty() ? "all" : row.label) + "</b>";
    if (!row.chosen.empty()) text_ += " with " + EscapeXml(row.chosen);
    std::size_t diverged = 0;
    for (const ReportCell& cell : row.cells) diverged += cell.diverged;
    if (diverged > 0) {
      text_ += ", but " + Counted(diverged, "trial") + " of it diverged";
    }
    text_ += "</td>";
    if (has_worst) text_ += Tag("td", report_.attacks[*row.worst]);
    text_ += NumberCell(Interval(spread));
    ReportPanel others = panel;
    others.rows.erase(others.rows.begin() + static_cast<std::ptrdiff_t>(*best));
    const auto next = BestRow(report_, others);
    if (!next) {
      text_ +=
          "<td colspan=\"2\" class=\"muted\">no other row is complete</td>";
      return;
    }
    const ReportRow& second = others.rows[*next];
    const Spread& other = second.cells[*second.worst].final;
    text_ += Tag("td", second.label + " (" + Interval(other) + ")");
    const double gap = std::fabs(spread.mean - other.mean);
    std::string words = FixedText(gap, 4);
    if (!std::isfinite(spread.half_width) || !std::isfinite(other.half_width)) {
      words += ", no intervals: one seed";
    } else if (gap <= spread.half_width + other.half_width) {
      words += ", intervals overlap";
    } else {
      words += ", intervals apart";
    }
    text_ += Tag("td", words);
  }

  void Figures(const std::string& title,
               const std::vector<Figure>& figures,
               const std::string& explanation,
               bool has_captions = true) {
    if (figures.empty()) return;
    text_ += Tag("h2", title) + "\n" + Tag("p", explanation) +
             "\n<div class=\"figures\">\n";
    for (const Figure& figure : figures) {
      text_ += "<figure>";
      if (has_captions) text_ += Tag("figcaption", figure.caption);
      text_ += "\n" + figure.svg + "</figure>\n";
    }
    text_ += "</div>\n";
  }

  void Tables() {
    text_ += Tag("h2", "Numbers") + "\n" +
             Tag("p",
                 report_.metric +
                     " of the last evaluation; \u00b1 is half the width of "
                     "the 95 % confidence interval of the mean over seeds "
                     "(Student's t), std the sample standard deviation.") +
             "\n";
    bool has_validation = false;
    bool has_chosen = false;
    for (const ReportPanel& panel : report_.panels) {
      for (const ReportRow& row : panel.rows) {
        has_chosen = has_chosen || !row.chosen.empty();
        for (const ReportCell& cell : row.cells) {
          has_validation = has_validation || cell.at_validation.count > 0;
        }
      }
    }
    for (const ReportPanel& panel : report_.panels) {
      if (!panel.Title().empty()) text_ += Tag("h3", panel.Title()) + "\n";
      text_ += "<div class=\"scroll\"><table>\n<tr>" +
               Tag("th",
                   report_.has_defences || report_.has_attacks ? "defence"
                                                               : "setting");
      if (has_chosen) text_ += Tag("th", "chosen by validation");
      if (report_.has_attacks) text_ += Tag("th", "attack");
      text_ += "<th class=\"number\">last</th><th class=\"number\">std</th>";
      if (has_validation) {
        text_ += "<th class=\"number\">in the round that validation chose</th>";
      }
      text_ += "<th class=\"number\">trials</th></tr>\n";
      for (const ReportRow& row : panel.rows) {
        for (std::size_t i = 0; i < row.cells.size(); ++i) {
          TableRow(row, i, has_chosen, has_validation);
        }
      }
      text_ += "</table></div>\n";
    }
  }

  void TableRow(const ReportRow& row,
                std::size_t attack,
                bool has_chosen,
                bool has_validation) {
    const ReportCell& cell = row.cells[attack];
    text_ += "<tr>" + Tag("td", row.label.empty() ? "all" : row.label);
    if (has_chosen) text_ += Tag("td", row.chosen);
    if (report_.has_attacks) text_ += Tag("td", report_.attacks[attack]);
    if (cell.has_value()) {
      text_ +=
          NumberCell(Interval(cell.final)) +
          NumberCell(cell.final.count > 1 ? FixedText(cell.final.deviation, 4)
                                          : "");
    } else {
      text_ += NumberCell("missing") + NumberCell("");
    }
    if (has_validation) {
      text_ += NumberCell(
          cell.at_validation.count > 0 ? Interval(cell.at_validation) : "");
    }
    const std::string note = CellNote(cell);
    text_ +=
        NumberCell(note.empty() ? std::to_string(cell.done) : note) + "</tr>\n";
  }

  void NotDone() {
    if (Count(TrialState::kDone) == trials_.size()) return;
    text_ += Tag("h2", "Trials without a result") +
             "\n<div class=\"scroll\"><table>\n<tr>" + Tag("th", "trial") +
             Tag("th", "state") + Tag("th", "values") + Tag("th", "reason") +
             "</tr>\n";
    for (std::size_t i = 0; i < trials_.size(); ++i) {
      const TrialStatus& status = trials_[i].status;
      if (status.state == TrialState::kDone) continue;
      std::string values;
      for (std::size_t j = 0; j < sweep_.axes.size(); ++j) {
        values += (values.empty() ? "" : ", ") + sweep_.axes[j] + "=" +
                  ValueLabel(sweep_.trials[i].values[j]);
      }
      text_ += "<tr><td>" + Tag("code", sweep_.trials[i].id) + "</td>" +
               Tag("td", std::string(ToText(status.state))) +
               Tag("td", values) + Tag("td", status.message) + "</tr>\n";
    }
    text_ += "</table></div>\n";
  }

  void Method() {
    text_ += Tag("h2", "How these numbers were made") + "\n<ul>\n";
    const auto item = [this](const std::string& text) {
      text_ += Tag("li", text) + "\n";
    };
    item(
        "A value of a trial is its last evaluation, never the best one over "
        "the rounds: the best round would be chosen by test data.");
    if (!ValidationMetric(report_.metric).empty()) {
      item("Where " + ValidationMetric(report_.metric) +
           " was measured, the tables also give the test value of the round "
           "in which it was best, the first of equals.");
    }
    if (report_.selection == Selection::kValidation) {
      item(
          "Hyper-parameters were chosen by validation data alone: the "
          "setting whose seed mean of the last validation value, taken under "
          "the attack where it is worst, is best. Test data took no part.");
    }
    if (report_.attacks.size() > 1) {
      item(
          "The worst case is over the attacks of this sweep; an attack that "
          "was not tried may be worse.");
    }
    item(
        "Overlap of two 95 % intervals is a cautious test: intervals of equal "
        "width that just touch mean p of about 0.006 for large samples. With "
        "few seeds, say fewer than six, take differences as hints.");
    text_ += "</ul>\n";
  }

  void Origin() {
    text_ += Tag("h2", "Provenance") + "\n<div class=\"scroll\"><table>\n";
    const auto row = [this](const std::string& name, const std::string& html) {
      text_ += "<tr>" + Tag("th", name) + "<td>" + html + "</td></tr>\n";
    };
    row("configs of all trials", "sha256 " + Tag("code", SweepHash(sweep_)));
    row("trials",
        EscapeXml(Counted(sweep_.trials.size(), "trial")) +
            ", each in <code>trials/</code> and the first 16 "
            "digits of its config's hash");
    if (provenance_) {
      for (const auto& [name, values] : provenance_->facts) {
        std::string html;
        for (const std::string& value : values) {
          html += (html.empty() ? "" : "<br>") + EscapeXml(value);
        }
        row(name, html);
      }
    }
    text_ += "</table></div>\n";
  }

  const Report& report_;
  const FrozenSweep& sweep_;
  const std::vector<ReportTrial>& trials_;
  const ReportFigures& figures_;
  const std::optional<Provenance>& provenance_;
  std::string text_;
};

}  // namespace

std::string ReportPage(const Report& report,
                       const FrozenSweep& sweep,
                       const std::vector<ReportTrial>& trials,
                       const ReportFigures& figures,
                       const std::optional<Provenance>& provenance) {
  return Page(report, sweep, trials, figures, provenance).Write();
}

}  // namespace fedtorch::study
