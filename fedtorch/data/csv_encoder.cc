#include "fedtorch/data/csv_encoder.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/data/owner_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>

namespace fedtorch::data {
namespace {

// More values than this are names or numbers, not categories.
constexpr std::size_t kMostValues = 1000;

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  if (!(std::fabs(value) <= std::numeric_limits<float>::max())) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

CsvEncoder::CsvEncoder(std::span<const CsvTable> tables,
                       const CsvColumns& columns,
                       const CsvMissing& missing,
                       std::optional<double> positive_above)
    : tables_(tables),
      missing_(missing),
      target_(columns.target),
      positive_above_(positive_above),
      missing_counts_(tables[0].columns(), 0) {
  KeepRows(columns);
  for (const CsvColumns::Feature& column : columns.features) {
    Feature feature{.column = column.column,
                    .categorical = column.categorical,
                    .values = {},
                    .start = marks_.size()};
    if (feature.categorical) {
      feature.values = ValuesOf(feature.column, "categorical column");
      marks_.insert(marks_.end(), feature.values.names.size(), 0);
    } else {
      marks_.push_back(1);
    }
    features_.push_back(std::move(feature));
  }
  if (positive_above_) {
    classes_.names = {"0", "1"};
    return;
  }
  classes_ = ValuesOf(target_, "target column");
  if (classes_.names.size() == 1) {
    Throw(rows_.front(),
          target_,
          "expected a target with two values or more, found only " +
              Quoted(classes_.names[0]));
  }
}

void CsvEncoder::Throw(const CsvRow& row,
                       std::size_t column,
                       const std::string& message) const {
  const CsvTable& table = tables_[row.table];
  ThrowDataErrorAtLine(table.path(),
                       table.LineOf(row.row),
                       "column '" + table.names()[column] + "': " + message);
}

bool CsvEncoder::IsMissing(std::string_view cell) const {
  return std::ranges::find(missing_.spellings, cell) !=
         missing_.spellings.end();
}

void CsvEncoder::KeepRows(const CsvColumns& columns) {
  for (std::size_t table = 0; table < tables_.size(); ++table) {
    for (std::size_t row = 0; row < tables_[table].rows(); ++row) {
      const CsvRow place{table, row};
      if (Keeps(place, columns)) rows_.push_back(place);
    }
  }
}

bool CsvEncoder::Keeps(const CsvRow& row, const CsvColumns& columns) {
  bool complete = true;
  const auto look = [&](std::size_t column, bool can_fill) {
    if (!IsMissing(Cell(row, column))) return;
    complete = false;
    ++missing_counts_[column];
    if (missing_.policy == CsvMissing::Policy::kDropRow) return;
    if (missing_.policy == CsvMissing::Policy::kMean && can_fill) return;
    Throw(row,
          column,
          "expected a value, found a missing one, " +
              Quoted(Cell(row, column)) +
              (can_fill ? "; choose missing: drop_row or mean, or list the "
                          "column under ignore"
                        : "; a target or owner cannot be filled in: choose "
                          "missing: drop_row"));
  };
  for (const CsvColumns::Feature& feature : columns.features) {
    look(feature.column, true);
  }
  look(columns.target, false);
  // An owner that is a feature too was counted above.
  const bool owner_is_feature =
      columns.owner && std::ranges::any_of(columns.features, [&](auto feature) {
        return feature.column == *columns.owner;
      });
  if (columns.owner && !owner_is_feature) look(*columns.owner, false);
  if (!complete) ++incomplete_rows_;
  return complete || missing_.policy == CsvMissing::Policy::kMean;
}

CsvEncoder::Values CsvEncoder::ValuesOf(std::size_t column,
                                        const char* what) const {
  std::unordered_set<std::string_view> different;
  for (const CsvRow& row : rows_) {
    const std::string_view cell = Cell(row, column);
    if (!IsMissing(cell)) different.insert(cell);
    if (different.size() > kMostValues) {
      Throw(row,
            column,
            std::string("expected a ") + what + " of at most " +
                std::to_string(kMostValues) +
                " values, found more; is it a number or a name?");
    }
  }
  Values values;
  values.names.assign(different.begin(), different.end());
  SortNames(&values.names);
  for (std::size_t i = 0; i < values.names.size(); ++i) {
    values.index.emplace(*different.find(values.names[i]), i);
  }
  return values;
}

float CsvEncoder::Number(const CsvRow& row, std::size_t column) const {
  const std::string_view cell = Cell(row, column);
  const auto number = ParseNumber(cell);
  if (!number) {
    Throw(row,
          column,
          "expected a finite number, found " + Quoted(cell) +
              "; list the column under categorical or ignore, or the text "
              "under missing_values");
  }
  return static_cast<float>(*number);
}

std::int64_t CsvEncoder::Label(const CsvRow& row) const {
  if (positive_above_) {
    const auto number = ParseNumber(Cell(row, target_));
    if (!number) {
      Throw(row,
            target_,
            "expected a finite number to compare with positive_above, found " +
                Quoted(Cell(row, target_)));
    }
    return *number > *positive_above_ ? 1 : 0;
  }
  const auto found = classes_.index.find(Cell(row, target_));
  FEDTORCH_CHECK(found != classes_.index.end(), "a class that was not seen");
  return static_cast<std::int64_t>(found->second);
}

Dataset CsvEncoder::Encode(std::span<const CsvRow> rows) const {
  Dataset set;
  set.name = tables_[0].path().string();
  set.type = FeatureType::kFloat32;
  set.shape = {static_cast<std::int64_t>(marks_.size())};
  set.num_classes = static_cast<std::int64_t>(classes_.names.size());
  set.class_names = classes_.names;
  set.floats.assign(rows.size() * marks_.size(), 0.0F);
  float* to = set.floats.data();
  for (const CsvRow& row : rows) {
    for (const Feature& feature : features_) {
      const std::string_view cell = Cell(row, feature.column);
      if (!feature.categorical) {
        to[feature.start] = IsMissing(cell)
                                ? std::numeric_limits<float>::quiet_NaN()
                                : Number(row, feature.column);
      } else if (!IsMissing(cell)) {
        to[feature.start + feature.values.index.at(cell)] = 1.0F;
      }
    }
    set.targets.push_back(Label(row));
    to += marks_.size();
  }
  return set;
}

void CsvEncoder::FillMissing(Corpus* corpus) const {
  if (missing_.policy != CsvMissing::Policy::kMean) return;
  const std::size_t width = marks_.size();
  for (const Feature& feature : features_) {
    if (feature.categorical || missing_counts_[feature.column] == 0) continue;
    double sum = 0.0;
    std::int64_t count = 0;
    const auto& train = corpus->train.floats;
    for (std::size_t i = feature.start; i < train.size(); i += width) {
      if (std::isnan(train[i])) continue;
      sum += static_cast<double>(train[i]);
      ++count;
    }
    if (count == 0) {
      ThrowDataError(tables_[0].path(),
                     "column '" + tables_[0].names()[feature.column] +
                         "': expected a value in some training row, found "
                         "none; list the column under ignore");
    }
    const auto mean = static_cast<float>(sum / static_cast<double>(count));
    const auto fill = [&](std::vector<float>& values) {
      for (std::size_t i = feature.start; i < values.size(); i += width) {
        if (std::isnan(values[i])) values[i] = mean;
      }
    };
    fill(corpus->train.floats);
    if (corpus->test) fill(corpus->test->floats);
  }
}

std::optional<std::string> CsvEncoder::MissingNote() const {
  if (incomplete_rows_ == 0) return std::nullopt;
  std::int64_t cells = 0;
  std::string columns;
  for (std::size_t i = 0; i < missing_counts_.size(); ++i) {
    if (missing_counts_[i] == 0) continue;
    cells += missing_counts_[i];
    columns += (columns.empty() ? "" : ", ") + tables_[0].names()[i] + " " +
               std::to_string(missing_counts_[i]);
  }
  std::size_t rows = 0;
  for (const CsvTable& table : tables_) rows += table.rows();
  const std::string what = std::to_string(cells) + " values are missing in " +
                           std::to_string(incomplete_rows_) + " of " +
                           std::to_string(rows) + " rows (" + columns + "); ";
  return missing_.policy == CsvMissing::Policy::kDropRow
             ? what + "these rows were left out."
             : what +
                   "numbers were replaced by the mean of the training "
                   "rows, categories by none of the values.";
}

}  // namespace fedtorch::data
