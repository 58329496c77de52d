#include "fedtorch/core/errors.h"
#include "fedtorch/data/byte_file.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/idx_array.h"
#include "fedtorch/data/image_scaling.h"
#include "fedtorch/data/owner_table.h"
#include "fedtorch/data/reader.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

struct Options {
  std::string train_images;
  std::string train_labels;
  std::optional<std::string> test_images;
  std::optional<std::string> test_labels;
  std::int64_t label_column = 0;
  std::optional<std::int64_t> owner_column;
  std::optional<std::int64_t> num_classes;
  std::vector<std::string> class_names;
  ImageScaling scaling;
};

/// Reads grey images and their labels from IDX files, plain or gzip.
class Idx final : public Reader {
 public:
  explicit Idx(Options options) : options_(std::move(options)) {}

  Corpus Load(std::uint64_t) const override {
    Corpus corpus;
    std::filesystem::path labels;
    corpus.train = ReadSet(
        options_.train_images, options_.train_labels, &corpus.files, &labels);
    if (options_.test_images) {
      std::filesystem::path test_labels;
      corpus.test = ReadSet(*options_.test_images,
                            *options_.test_labels,
                            &corpus.files,
                            &test_labels);
      if (corpus.test->shape != corpus.train.shape) {
        ThrowDataError(corpus.files.back().path,
                       "expected test images of the size of the training "
                       "images, " +
                           SizeText(corpus.train) + ", found " +
                           SizeText(*corpus.test));
      }
      FinishSet(corpus, test_labels, &*corpus.test);
    }
    FinishSet(corpus, labels, &corpus.train);
    options_.scaling.Apply(&corpus);
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  static std::string SizeText(const Dataset& images) {
    return std::to_string(images.shape[1]) + " x " +
           std::to_string(images.shape[2]);
  }

  Dataset ReadSet(const std::string& images_name,
                  const std::string& labels_name,
                  std::vector<SourceFile>* files,
                  std::filesystem::path* labels_path) const {
    Dataset set;
    set.type = FeatureType::kUint8;
    const ByteFile labels = ReadByteFile(FindData(labels_name));
    ReadLabels(labels, &set);
    const ByteFile images = ReadByteFile(FindData(images_name));
    set.name = images_name;
    const IdxArray array = IdxArray::Parse(images);
    if (array.type != IdxArray::Type::kUint8 || array.shape.size() != 3 ||
        array.shape[1] == 0 || array.shape[2] == 0) {
      ThrowDataError(images.path,
                     "expected images, samples x height x width uint8, found " +
                         array.Description());
    }
    if (array.shape[0] != set.size()) {
      ThrowDataError(images.path,
                     "expected one image for each of the " +
                         std::to_string(set.size()) + " labels of " +
                         labels.path.string() + ", found " +
                         std::to_string(array.shape[0]) + " images");
    }
    set.shape = {1, array.shape[1], array.shape[2]};
    set.bytes.assign(array.elements.begin(), array.elements.end());
    files->push_back(labels.source());
    files->push_back(images.source());
    *labels_path = labels.path;
    return set;
  }

  void ReadLabels(const ByteFile& file, Dataset* set) const {
    const IdxArray array = IdxArray::Parse(file);
    if (array.shape.size() > 2) {
      ThrowDataError(file.path,
                     "expected labels, samples or samples x columns, found " +
                         array.Description());
    }
    if (array.shape[0] == 0) ThrowDataError(file.path, "there is no label");
    const std::int64_t columns = array.shape.size() == 2 ? array.shape[1] : 1;
    const auto column = [&](std::int64_t index, const char* key) {
      if (index >= columns) {
        ThrowDataError(file.path,
                       std::string(key) +
                           ": expected a column "
                           "from 0 to " +
                           std::to_string(columns - 1) + ", found " +
                           std::to_string(index));
      }
      std::vector<std::int64_t> values;
      for (std::int64_t i = 0; i < array.shape[0]; ++i) {
        values.push_back(
            array.At(static_cast<std::size_t>(i * columns + index)));
      }
      return values;
    };
    set->targets = column(options_.label_column, "label_column");
    if (!options_.owner_column) return;
    std::vector<std::string> owners;
    for (const std::int64_t id :
         column(*options_.owner_column, "owner_column")) {
      owners.push_back(std::to_string(id));
    }
    NameOwners(owners, set);
  }

  void FinishSet(const Corpus& corpus,
                 const std::filesystem::path& labels,
                 Dataset* set) const {
    const auto test = corpus.test ? std::span(corpus.test->targets)
                                  : std::span<const std::int64_t>();
    std::optional<std::int64_t> classes = options_.num_classes;
    if (!options_.class_names.empty()) {
      classes = static_cast<std::int64_t>(options_.class_names.size());
    }
    set->num_classes = ClassesOf(labels, corpus.train.targets, test, classes);
    set->class_names = options_.class_names;
    CheckLabels(labels, set->targets, set->num_classes, "label");
  }

  Options options_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  Options options;
  options.train_images =
      section.Text({.name = "train_images",
                    .help = "IDX file of the training images, plain or gzip; "
                            "looked for in datasets/, $FEDTORCH_DATA and "
                            "/usr/share/datasets."},
                   std::nullopt);
  options.train_labels = section.Text(
      {.name = "train_labels", .help = "IDX file of the training labels."},
      std::nullopt);
  options.test_images = section.OptionalText(
      {.name = "test_images", .help = "IDX file of the test images."});
  options.test_labels = section.OptionalText(
      {.name = "test_labels", .help = "IDX file of the test labels."});
  options.label_column =
      section.Int({.name = "label_column",
                   .help = "Column of the class in label files with several "
                           "columns (idx2, as QMNIST)."},
                  0,
                  {.min = 0});
  options.owner_column = section.OptionalInt(
      {.name = "owner_column",
       .help = "Column of the owner (QMNIST: 2, the writer) in label files "
               "with several columns; null = the data name no owner."},
      {.min = 0});
  options.num_classes = section.OptionalInt(
      {.name = "num_classes",
       .help = "Number of classes; null = largest label + 1.",
       .unit = "classes"},
      {.min = 2});
  options.class_names = section.Texts(
      {.name = "class_names",
       .help = "Names of the classes 0, 1, ...; empty = no names."},
      std::vector<std::string>{});
  options.scaling = ImageScaling::Read(section);
  if (!section.recording()) {
    if (options.test_images.has_value() != options.test_labels.has_value()) {
      section.Fail(options.test_images ? "test_images" : "test_labels",
                   "expected both test_images and test_labels, or neither");
      options.test_images.reset();
    }
    if (options.num_classes && !options.class_names.empty() &&
        *options.num_classes !=
            static_cast<std::int64_t>(options.class_names.size())) {
      section.Fail("class_names",
                   "expected " + std::to_string(*options.num_classes) +
                       " names (num_classes), found " +
                       std::to_string(options.class_names.size()));
    }
  }
  return std::make_unique<Idx>(std::move(options));
}

}  // namespace

extern const Kind kIdx;
constinit const Kind kIdx{
    .name = "idx",
    .summary =
        "Grey images and labels in IDX files, plain or gzip, as those "
        "of MNIST, Fashion-MNIST and QMNIST.",
    .source =
        "LeCun, Cortes, Burges, The MNIST database, file format; Yadav, "
        "Bottou 2019 for QMNIST's columns",
    .make = Make};

}  // namespace fedtorch::data
