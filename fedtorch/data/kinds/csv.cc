#include "fedtorch/core/stream.h"
#include "fedtorch/data/byte_file.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/csv_columns.h"
#include "fedtorch/data/csv_encoder.h"
#include "fedtorch/data/csv_table.h"
#include "fedtorch/data/feature_scaling.h"
#include "fedtorch/data/owner_table.h"
#include "fedtorch/data/reader.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

constexpr const char* kOwnerIsFile = "file";

struct Options {
  std::vector<std::string> paths;
  std::optional<std::string> test_path;
  bool header = true;
  char delimiter = ',';
  CsvColumnNames columns;
  bool owner_is_file = false;
  CsvMissing missing;
  std::optional<double> positive_above;
  bool standardize = true;
  double test_fraction = 0.0;
};

/// Reads tables of numbers and categories.
/// Randomness: (seed, "data.csv.test") chooses the test rows.
class Csv final : public Reader {
 public:
  explicit Csv(Options options) : options_(std::move(options)) {}

  Corpus Load(std::uint64_t seed) const override {
    std::vector<std::string> paths = options_.paths;
    if (options_.test_path) paths.push_back(*options_.test_path);
    Corpus corpus;
    std::vector<CsvTable> tables;
    for (const std::string& path : paths) {
      tables.push_back(CsvTable::Parse(
          ReadByteFile(FindData(path)), options_.delimiter, options_.header));
      CheckSameColumns(tables.front(), tables.back());
      corpus.files.push_back(tables.back().file().source());
    }
    const CsvColumns columns = FindColumns(tables.front(), options_.columns);
    const CsvEncoder encoder(
        tables, columns, options_.missing, options_.positive_above);

    std::vector<CsvRow> train;
    std::vector<CsvRow> test;
    Divide(encoder.rows(), seed, &train, &test);
    corpus.train = EncodeWithOwners(encoder, tables, columns, train);
    if (options_.test_path || options_.test_fraction > 0.0) {
      corpus.test = EncodeWithOwners(encoder, tables, columns, test);
    }
    encoder.FillMissing(&corpus);
    if (options_.standardize) {
      StandardizeFeatures(encoder.numeric_marks(), &corpus);
    }
    if (const auto note = encoder.MissingNote()) corpus.notes.push_back(*note);
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  static void CheckSameColumns(const CsvTable& first, const CsvTable& other) {
    if (other.names() == first.names()) return;
    for (std::size_t i = 0; i < std::min(first.columns(), other.columns());
         ++i) {
      if (other.names()[i] != first.names()[i]) {
        ThrowDataErrorAtLine(other.path(),
                             1,
                             "expected column " + std::to_string(i) +
                                 " to be " + Quoted(first.names()[i]) +
                                 " as in " + first.path().string() +
                                 ", found " + Quoted(other.names()[i]));
      }
    }
    ThrowDataErrorAtLine(other.path(),
                         1,
                         "expected " + std::to_string(first.columns()) +
                             " columns as in " + first.path().string() +
                             ", found " + std::to_string(other.columns()));
  }

  /// The rows of each set stay in the order of the files.
  void Divide(const std::vector<CsvRow>& rows,
              std::uint64_t seed,
              std::vector<CsvRow>* train,
              std::vector<CsvRow>* test) const {
    std::vector<std::uint8_t> is_test(rows.size(), 0);
    if (options_.test_path) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        is_test[i] = rows[i].table == options_.paths.size() ? 1 : 0;
      }
    } else if (options_.test_fraction > 0.0) {
      const auto count = static_cast<std::int64_t>(rows.size());
      for (const std::int64_t i :
           core::Stream::Named(seed, "data.csv.test")
               .SampleWithoutReplacement(
                   count,
                   std::llround(options_.test_fraction *
                                static_cast<double>(count)))) {
        is_test[static_cast<std::size_t>(i)] = 1;
      }
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      (is_test[i] != 0 ? test : train)->push_back(rows[i]);
    }
  }

  Dataset EncodeWithOwners(const CsvEncoder& encoder,
                           std::span<const CsvTable> tables,
                           const CsvColumns& columns,
                           std::span<const CsvRow> rows) const {
    Dataset set = encoder.Encode(rows);
    if (!options_.owner_is_file && !columns.owner) return set;
    std::vector<std::string> names;
    for (const CsvRow& row : rows) {
      const CsvTable& table = tables[row.table];
      names.push_back(options_.owner_is_file
                          ? table.path().filename().string()
                          : std::string(table.At(row.row, *columns.owner)));
    }
    NameOwners(names, &set);
    return set;
  }

  Options options_;
};

void ReadPaths(config::Section& section, Options* options) {
  const auto path = section.OptionalText(
      {.name = "path",
       .help = "The file, plain or gzip; looked for in datasets/, "
               "$FEDTORCH_DATA and /usr/share/datasets. Give path or paths."});
  options->paths = section.Texts(
      {.name = "paths", .help = "Several files with the same columns."},
      std::vector<std::string>{});
  options->test_path = section.OptionalText(
      {.name = "test_path", .help = "File of the central test set."});
  if (!section.recording() && path.has_value() == !options->paths.empty()) {
    section.Fail("path",
                 "expected either path or paths, found " +
                     std::string(path ? "both" : "neither"));
  }
  if (path) options->paths = {*path};
}

void ReadColumns(config::Section& section, Options* options) {
  CsvColumnNames& columns = options->columns;
  columns.target = section.Text(
      {.name = "target",
       .help = "Column of the class: its name, or its index from 0 in "
               "quotes, as all columns here."},
      std::nullopt);
  columns.owner = section.OptionalText(
      {.name = "owner",
       .help = "Column of the owner, or the word file: the file is the owner; "
               "null = the data name no owner."});
  if (columns.owner == kOwnerIsFile) {
    options->owner_is_file = true;
    columns.owner.reset();
  }
  columns.categorical = section.Texts(
      {.name = "categorical",
       .help = "Columns that become a feature of 0 or 1 for each value, in "
               "sorted order."},
      std::vector<std::string>{});
  columns.numeric = section.Texts(
      {.name = "numeric",
       .help = "Columns of numbers; empty = all that are not named under "
               "another key."},
      std::vector<std::string>{});
  columns.ignore =
      section.Texts({.name = "ignore", .help = "Columns that are left out."},
                    std::vector<std::string>{});
  options->positive_above = section.OptionalReal(
      {.name = "positive_above",
       .help = "Two classes: 1 where the target is a number above this; null "
               "= a class for each value of the target."});
}

void ReadMissing(config::Section& section, Options* options) {
  const std::string policy = section.Choice(
      {.name = "missing",
       .help = "What a missing value does: error stops, drop_row leaves the "
               "row out, mean takes the mean of the training rows (for a "
               "category: none of its values)."},
      {"error", "drop_row", "mean"},
      "error");
  options->missing.policy = policy == "error"  ? CsvMissing::Policy::kError
                            : policy == "mean" ? CsvMissing::Policy::kMean
                                               : CsvMissing::Policy::kDropRow;
  options->missing.spellings = section.Texts(
      {.name = "missing_values", .help = "Texts that mean a missing value."},
      std::vector<std::string>{"", "?", "NA", "NaN"});
}

std::unique_ptr<Reader> Make(config::Section& section) {
  Options options;
  ReadPaths(section, &options);
  options.header = section.Bool(
      {.name = "header",
       .help = "The first row names the columns; else they are 0, 1, ..."},
      true);
  const std::string delimiter =
      section.Text({.name = "delimiter",
                    .help = "The character between fields, or the word tab."},
                   ",");
  if (delimiter == "tab") {
    options.delimiter = '\t';
  } else if (delimiter.size() == 1 && delimiter != "\"" && delimiter != "\n" &&
             delimiter != "\r") {
    options.delimiter = delimiter[0];
  } else {
    section.Fail("delimiter",
                 "expected one character other than a quote, or "
                 "the word tab, found " +
                     Quoted(delimiter));
  }
  ReadColumns(section, &options);
  ReadMissing(section, &options);
  options.standardize =
      section.Choice({.name = "normalize",
                      .help = "standard: numeric columns get mean 0 and "
                              "deviation 1 on the training rows. none: as "
                              "they are."},
                     {"standard", "none"},
                     "standard") == "standard";
  options.test_fraction = section.Real(
      {.name = "test_fraction",
       .help = "Share of the rows, drawn at random, that becomes the central "
               "test set; 0 = none."},
      0.0,
      {.min = 0.0, .max = 1.0, .open_max = true});
  if (!section.recording() && options.test_path &&
      options.test_fraction > 0.0) {
    section.Fail("test_fraction",
                 "expected 0 where test_path is given, found " +
                     std::to_string(options.test_fraction));
  }
  return std::make_unique<Csv>(std::move(options));
}

}  // namespace

extern const Kind kCsv;
constinit const Kind kCsv{
    .name = "csv",
    .summary =
        "Tables with separated values: numbers, categories, missing "
        "values, one or several files.",
    .source = "RFC 4180",
    .make = Make};

}  // namespace fedtorch::data
