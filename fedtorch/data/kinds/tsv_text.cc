#include "fedtorch/data/byte_file.h"
#include "fedtorch/data/characters.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/owner_table.h"
#include "fedtorch/data/reader.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

struct Options {
  std::string path;
  bool header = false;
  std::vector<std::int64_t> owner_columns;
  std::int64_t text_column = 1;
  std::int64_t sequence_length = 80;
  std::int64_t max_vocabulary = 90;
  std::int64_t min_samples = 2;
  double test_fraction = 0.1;
};

struct OwnerText {
  std::string name;
  std::u32string text;
  std::int64_t sequences = 0;
  std::int64_t train_sequences = 0;  // the first ones
};

/// Cuts a line at tabs into `count` fields; the last one keeps further tabs.
std::vector<std::string_view> Fields(std::string_view line, std::size_t count) {
  std::vector<std::string_view> fields;
  while (fields.size() + 1 < count) {
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) break;
    fields.push_back(line.substr(0, tab));
    line.remove_prefix(tab + 1);
  }
  fields.push_back(line);
  return fields;
}

/// Reads texts of owners and predicts every next character.
///
/// The texts of an owner are joined by newlines and cut into sequences of T
/// characters; the target at each position is the character that follows. What
/// is left at the end, less than T + 1 characters, is dropped. The last
/// sequences of every owner are its test part: no character is a target of
/// both parts.
class TsvText final : public Reader {
 public:
  explicit TsvText(Options options) : options_(std::move(options)) {}

  Corpus Load(std::uint64_t) const override {
    const ByteFile file = ReadByteFile(FindData(options_.path));
    std::vector<OwnerText> owners = ReadOwners(file);
    Corpus corpus;
    corpus.files.push_back(file.source());
    LeaveOutSmallOwners(&owners, &corpus.notes);
    if (owners.empty()) {
      ThrowDataError(file.path,
                     "expected an owner with at least " +
                         std::to_string(options_.min_samples) +
                         " sequences of " +
                         std::to_string(options_.sequence_length) +
                         " characters, found none; lower min_samples or "
                         "sequence_length");
    }
    const Characters characters = CountCharacters(owners);
    corpus.train = Cut(file, owners, characters, /*test=*/false);
    if (options_.test_fraction > 0.0) {
      corpus.test = Cut(file, owners, characters, /*test=*/true);
    }
    NoteUnknown(corpus.train, "training", &corpus.notes);
    if (corpus.test) NoteUnknown(*corpus.test, "test", &corpus.notes);
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  /// In the order in which the owners appear.
  std::vector<OwnerText> ReadOwners(const ByteFile& file) const {
    std::int64_t last = options_.text_column;
    for (const std::int64_t column : options_.owner_columns) {
      last = std::max(last, column);
    }
    const auto count = static_cast<std::size_t>(last) + 1;
    std::vector<OwnerText> owners;
    std::unordered_map<std::string, std::size_t> index_of;
    std::string_view rest = file.bytes;
    for (std::int64_t number = 1; !rest.empty(); ++number) {
      const std::size_t end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty() || (options_.header && number == 1)) continue;
      const auto fields = Fields(line, count);
      if (fields.size() < count) {
        ThrowDataErrorAtLine(file.path,
                             number,
                             "expected at least " + std::to_string(count) +
                                 " fields separated by tabs, found " +
                                 std::to_string(fields.size()));
      }
      std::string name;
      for (const std::int64_t column : options_.owner_columns) {
        if (!name.empty()) name += '/';
        name += fields[static_cast<std::size_t>(column)];
      }
      const auto [place, added] = index_of.emplace(name, owners.size());
      if (added) {
        owners.push_back({.name = name, .text = {}});
      } else {
        owners[place->second].text += U'\n';
      }
      owners[place->second].text +=
          DecodeUtf8(fields[static_cast<std::size_t>(options_.text_column)]);
    }
    return owners;
  }

  void LeaveOutSmallOwners(std::vector<OwnerText>* owners,
                           std::vector<std::string>* notes) const {
    std::size_t dropped_characters = 0;
    std::int64_t dropped_owners = 0;
    std::vector<OwnerText> kept;
    for (OwnerText& owner : *owners) {
      const auto length = static_cast<std::int64_t>(owner.text.size());
      owner.sequences =
          std::max<std::int64_t>(length - 1, 0) / options_.sequence_length;
      if (owner.sequences < options_.min_samples) {
        ++dropped_owners;
        continue;
      }
      const auto test = static_cast<std::int64_t>(
          options_.test_fraction * static_cast<double>(owner.sequences));
      owner.train_sequences = owner.sequences - test;
      const auto used = static_cast<std::size_t>(
          owner.sequences * options_.sequence_length + 1);
      dropped_characters += owner.text.size() - used;
      kept.push_back(std::move(owner));
    }
    if (dropped_owners > 0) {
      notes->push_back(std::to_string(dropped_owners) + " of " +
                       std::to_string(owners->size()) +
                       " owners have fewer than " +
                       std::to_string(options_.min_samples) + " sequences of " +
                       std::to_string(options_.sequence_length) +
                       " characters and were left out.");
    }
    if (dropped_characters > 0) {
      notes->push_back(std::to_string(dropped_characters) +
                       " characters at the ends of the other owners' texts "
                       "fill no sequence and were left out.");
    }
    *owners = std::move(kept);
  }

  /// From the training part alone.
  Characters CountCharacters(const std::vector<OwnerText>& owners) const {
    std::map<char32_t, std::int64_t> counts;
    for (const OwnerText& owner : owners) {
      const auto used = static_cast<std::size_t>(
          owner.train_sequences * options_.sequence_length + 1);
      for (std::size_t i = 0; i < used; ++i) ++counts[owner.text[i]];
    }
    return Characters::MostFrequent(counts, options_.max_vocabulary);
  }

  Dataset Cut(const ByteFile& file,
              const std::vector<OwnerText>& owners,
              const Characters& characters,
              bool test) const {
    Dataset set;
    set.name = file.path.string();
    set.type = FeatureType::kInt64;
    set.shape = {options_.sequence_length};
    set.target_length = options_.sequence_length;
    set.num_classes = characters.size();
    set.class_names = characters.Names();
    std::vector<std::string> names;
    for (const OwnerText& owner : owners) {
      const std::int64_t first = test ? owner.train_sequences : 0;
      const std::int64_t last = test ? owner.sequences : owner.train_sequences;
      for (std::int64_t i = first * options_.sequence_length;
           i < last * options_.sequence_length;
           ++i) {
        const auto at = static_cast<std::size_t>(i);
        set.tokens.push_back(characters.IdOf(owner.text[at]));
        set.targets.push_back(characters.IdOf(owner.text[at + 1]));
      }
      names.insert(
          names.end(), static_cast<std::size_t>(last - first), owner.name);
    }
    NameOwners(names, &set);
    return set;
  }

  static void NoteUnknown(const Dataset& set,
                          const char* name,
                          std::vector<std::string>* notes) {
    const auto unknown = std::ranges::count(set.tokens, Characters::kUnknown);
    if (unknown == 0) return;
    notes->push_back(std::to_string(unknown) + " of " +
                     std::to_string(set.tokens.size()) + " characters of the " +
                     name + " set are not among the " +
                     std::to_string(set.num_classes - 1) +
                     " characters of the vocabulary and read as unknown.");
  }

  Options options_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  Options options;
  options.path = section.Text(
      {.name = "path",
       .help = "The file, plain or gzip, one text a line, fields separated by "
               "tabs; looked for in datasets/, $FEDTORCH_DATA and "
               "/usr/share/datasets."},
      std::nullopt);
  options.header = section.Bool(
      {.name = "header", .help = "The first line names the columns."}, false);
  options.owner_columns = section.Ints(
      {.name = "owner_columns",
       .help = "Columns, from 0, whose texts joined by / name the owner."},
      std::vector<std::int64_t>{0},
      {.min = 0, .max = 1000});
  options.text_column = section.Int(
      {.name = "text_column",
       .help = "Column of the text, from 0; as the last of the columns used, "
               "it keeps further tabs."},
      1,
      {.min = 0, .max = 1000});
  options.sequence_length = section.Int(
      {.name = "sequence_length",
       .help = "Characters T of a sample; each has the next one as target.",
       .unit = "characters"},
      80,
      {.min = 1, .max = 1'000'000});
  options.max_vocabulary = section.Int(
      {.name = "max_vocabulary",
       .help = "Most ids, the one of unknown characters included; the "
               "vocabulary is made of the training texts' most frequent "
               "characters.",
       .unit = "characters"},
      90,
      {.min = 3, .max = 1'200'000});
  options.min_samples =
      section.Int({.name = "min_samples",
                   .help = "Owners with fewer sequences are left out.",
                   .unit = "samples"},
                  2,
                  {.min = 1});
  options.test_fraction = section.Real(
      {.name = "test_fraction",
       .help = "Share of each owner's sequences, rounded down, that goes to "
               "the test set: the last ones; 0 = no test set."},
      0.1,
      {.min = 0.0, .max = 1.0, .open_max = true});
  if (!section.recording()) {
    if (options.owner_columns.empty()) {
      section.Fail("owner_columns", "expected at least one column, found none");
    }
    if (std::ranges::count(options.owner_columns, options.text_column) > 0) {
      section.Fail("text_column",
                   "expected a column other than those of owner_columns, "
                   "found " +
                       std::to_string(options.text_column));
    }
  }
  return std::make_unique<TsvText>(std::move(options));
}

}  // namespace

extern const Kind kTsvText;
constinit const Kind kTsvText{
    .name = "tsv_text",
    .summary =
        "Texts with an owner, one a line: the next character is "
        "predicted at every position.",
    .source = "McMahan et al. 2017, section 3, the Shakespeare task",
    .make = Make};

}  // namespace fedtorch::data
