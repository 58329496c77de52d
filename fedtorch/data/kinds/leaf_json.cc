#include "fedtorch/data/byte_file.h"
#include "fedtorch/data/characters.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/feature_scaling.h"
#include "fedtorch/data/leaf_file.h"
#include "fedtorch/data/owner_table.h"
#include "fedtorch/data/reader.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

// The 80 characters of LEAF's Shakespeare task (utils/language_utils.py).
constexpr const char* kLeafCharacters =
    "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]"
    "abcdefghijklmnopqrstuvwxyz}";

struct Options {
  std::vector<std::string> train_files;
  std::vector<std::string> test_files;
  LeafFormat format;
  std::vector<std::int64_t> shape;
  std::string vocabulary;
  bool standardize = false;
};

std::vector<std::filesystem::path> ListFiles(
    const std::vector<std::string>& names) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& name : names) {
    const std::filesystem::path path = FindData(name);
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      paths.push_back(path);
      continue;
    }
    std::vector<std::filesystem::path> inside;
    for (std::filesystem::directory_iterator entry(path, error), end;
         !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() == ".json") inside.push_back(entry->path());
    }
    if (error) {
      ThrowDataError(path, "reading the folder failed: " + error.message());
    }
    if (inside.empty()) {
      ThrowDataError(path, "expected .json files in the folder, found none");
    }
    std::ranges::sort(inside);
    paths.insert(paths.end(), inside.begin(), inside.end());
  }
  return paths;
}

/// Reads files of the LEAF benchmark; users are the natural clients.
class LeafJson final : public Reader {
 public:
  explicit LeafJson(Options options)
      : options_(std::move(options)),
        characters_(Characters::Of(DecodeUtf8(options_.vocabulary))) {}

  Corpus Load(std::uint64_t) const override {
    Corpus corpus;
    LeafFormat format = options_.format;
    corpus.train = ReadSet(options_.train_files, "training", &format, &corpus);
    if (!options_.test_files.empty()) {
      corpus.test = ReadSet(options_.test_files, "test", &format, &corpus);
    }
    if (!format.text) {
      const auto test = corpus.test ? std::span(corpus.test->targets)
                                    : std::span<std::int64_t>();
      corpus.train.num_classes = ClassesOf(corpus.files.back().path,
                                           corpus.train.targets,
                                           test,
                                           format.num_classes);
      if (corpus.test) corpus.test->num_classes = corpus.train.num_classes;
      if (options_.standardize) StandardizeFeatures({}, &corpus);
    }
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  Dataset ReadSet(const std::vector<std::string>& names,
                  const char* set_name,
                  LeafFormat* format,
                  Corpus* corpus) const {
    Dataset set;
    set.name = "leaf";
    set.type = format->text ? FeatureType::kInt64 : FeatureType::kFloat32;
    std::vector<std::string> owners;
    for (const auto& path : ListFiles(names)) {
      const ByteFile file = ReadByteFile(path);
      corpus->files.push_back(file.source());
      VisitLeafUsers(file, format, [&](const LeafUser& user) {
        owners.insert(
            owners.end(), static_cast<std::size_t>(user.samples), user.name);
        Append(user, &set);
      });
    }
    NameOwners(owners, &set);
    set.shape = options_.shape;
    if (set.shape.empty()) set.shape = {format->width.value_or(1)};
    if (format->text) {
      set.num_classes = characters_.size();
      set.class_names = characters_.Names();
      NoteUnknown(set, set_name, &corpus->notes);
    }
    return set;
  }

  void Append(const LeafUser& user, Dataset* set) const {
    set->floats.insert(
        set->floats.end(), user.features.begin(), user.features.end());
    set->targets.insert(
        set->targets.end(), user.labels.begin(), user.labels.end());
    for (const std::u32string& text : user.texts) {
      for (const char32_t character : text) {
        set->tokens.push_back(characters_.IdOf(character));
      }
    }
    for (const char32_t character : user.next) {
      set->targets.push_back(characters_.IdOf(character));
    }
  }

  static void NoteUnknown(const Dataset& set,
                          const char* set_name,
                          std::vector<std::string>* notes) {
    const auto unknown = std::ranges::count(set.tokens, Characters::kUnknown) +
                         std::ranges::count(set.targets, Characters::kUnknown);
    if (unknown == 0) return;
    notes->push_back(std::to_string(unknown) + " of " +
                     std::to_string(set.tokens.size() + set.targets.size()) +
                     " characters of the " + set_name +
                     " set are not in the vocabulary and read as unknown.");
  }

  Options options_;
  Characters characters_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  Options options;
  options.train_files = section.Texts(
      {.name = "train_files",
       .help = "JSON files, or folders of them, plain or gzip; looked for in "
               "datasets/, $FEDTORCH_DATA and /usr/share/datasets."},
      std::nullopt);
  options.test_files = section.Texts(
      {.name = "test_files",
       .help = "The same of the test set, pooled over users; empty = none."},
      std::vector<std::string>{});
  options.format.text =
      section.Choice({.name = "features",
                      .help = "numeric: x is a list of numbers, y a class. "
                              "text: x is a text of fixed length, y the next "
                              "character."},
                     {"numeric", "text"},
                     "numeric") == "text";
  options.shape = section.Ints(
      {.name = "shape",
       .help = "Shape of a numeric sample, e.g. [1, 28, 28]; empty = a list."},
      std::vector<std::int64_t>{},
      {.min = 1, .max = 1'000'000});
  options.format.num_classes = section.OptionalInt(
      {.name = "num_classes",
       .help = "Number of classes of numeric samples; null = largest label "
               "+ 1.",
       .unit = "classes"},
      {.min = 2});
  options.vocabulary = section.Text(
      {.name = "vocabulary",
       .help = "The known characters of a text; id 0 is every other one. The "
               "default is LEAF's."},
      kLeafCharacters);
  options.standardize =
      section.Choice({.name = "normalize",
                      .help = "standard: each numeric feature gets mean 0 and "
                              "deviation 1 on the training set. none: as it "
                              "is."},
                     {"none", "standard"},
                     "none") == "standard";
  if (section.recording()) return std::make_unique<LeafJson>(options);
  if (section.Has("train_files") && options.train_files.empty()) {
    section.Fail("train_files", "expected at least one file, found none");
  }
  if (options.format.text) {
    const auto refuse = [&section](const char* key) {
      section.Fail(key, "applies to features: numeric only; remove it");
    };
    if (!options.shape.empty()) refuse("shape");
    if (options.format.num_classes) refuse("num_classes");
    if (options.standardize) refuse("normalize");
  }
  if (!options.shape.empty()) {
    std::int64_t width = 1;
    for (const std::int64_t extent : options.shape) {
      width = std::min<std::int64_t>(width * extent, std::int64_t{1} << 40);
    }
    options.format.width = width;
  }
  return std::make_unique<LeafJson>(std::move(options));
}

}  // namespace

extern const Kind kLeafJson;
constinit const Kind kLeafJson{
    .name = "leaf_json",
    .summary =
        "JSON files of the LEAF benchmark, such as FEMNIST and "
        "Shakespeare; each user is a natural client.",
    .source = "Caldas et al. 2018, LEAF, format of its preprocessed data",
    .make = Make};

}  // namespace fedtorch::data
