#include "fedtorch/data/byte_file.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/image_scaling.h"
#include "fedtorch/data/reader.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

constexpr std::size_t kPixels = 3 * 32 * 32;
constexpr std::size_t kRecord = 1 + kPixels;
constexpr std::int64_t kClasses = 10;

/// Reads records of one label byte and 3072 bytes of red, green and blue
/// planes of 32 x 32.
class Cifar10Binary final : public Reader {
 public:
  Cifar10Binary(std::vector<std::string> train,
                std::vector<std::string> test,
                ImageScaling scaling)
      : train_(std::move(train)),
        test_(std::move(test)),
        scaling_(std::move(scaling)) {}

  Corpus Load(std::uint64_t) const override {
    Corpus corpus;
    corpus.train = ReadSet(train_, &corpus.files);
    if (!test_.empty()) corpus.test = ReadSet(test_, &corpus.files);
    scaling_.Apply(&corpus);
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  static Dataset ReadSet(const std::vector<std::string>& names,
                         std::vector<SourceFile>* files) {
    Dataset set;
    set.name = "cifar10";
    set.type = FeatureType::kUint8;
    set.shape = {3, 32, 32};
    set.num_classes = kClasses;
    set.class_names = {"airplane",
                       "automobile",
                       "bird",
                       "cat",
                       "deer",
                       "dog",
                       "frog",
                       "horse",
                       "ship",
                       "truck"};
    for (const std::string& name : names) {
      const ByteFile file = ReadByteFile(FindData(name));
      AppendRecords(file, &set);
      files->push_back(file.source());
    }
    return set;
  }

  static void AppendRecords(const ByteFile& file, Dataset* set) {
    const std::size_t size = file.bytes.size();
    if (size == 0) ThrowDataError(file.path, "the file is empty");
    if (size % kRecord != 0) {
      ThrowDataError(file.path,
                     "expected records of 3073 bytes (a label and 3072 "
                     "pixels), found " +
                         std::to_string(size) + " bytes, that is " +
                         std::to_string(size / kRecord) + " records and " +
                         std::to_string(size % kRecord) +
                         " bytes; the file is incomplete or of another kind");
    }
    for (std::size_t start = 0; start < size; start += kRecord) {
      const auto label = static_cast<unsigned char>(file.bytes[start]);
      if (label >= kClasses) {
        ThrowDataErrorAtByte(file.path,
                             start,
                             "record " + std::to_string(start / kRecord) +
                                 ": expected a class from 0 to 9, found " +
                                 std::to_string(label));
      }
      set->targets.push_back(label);
      const auto pixels =
          file.bytes.begin() + static_cast<std::ptrdiff_t>(start) + 1;
      set->bytes.insert(set->bytes.end(), pixels, pixels + kPixels);
    }
  }

  std::vector<std::string> train_;
  std::vector<std::string> test_;
  ImageScaling scaling_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  std::vector<std::string> train = section.Texts(
      {.name = "train_files",
       .help = "Files of training records (data_batch_1.bin, ...); looked for "
               "in datasets/, $FEDTORCH_DATA and /usr/share/datasets."},
      std::nullopt);
  std::vector<std::string> test =
      section.Texts({.name = "test_files",
                     .help = "Files of test records (test_batch.bin); empty = "
                             "no test set."},
                    std::vector<std::string>{});
  if (!section.recording() && section.Has("train_files") && train.empty()) {
    section.Fail("train_files", "expected at least one file, found none");
  }
  return std::make_unique<Cifar10Binary>(
      std::move(train), std::move(test), ImageScaling::Read(section));
}

}  // namespace

extern const Kind kCifar10Binary;
constinit const Kind kCifar10Binary{
    .name = "cifar10_binary",
    .summary = "Colour images of CIFAR-10 in its binary version.",
    .source = "Krizhevsky 2009, CIFAR-10, binary version",
    .make = Make};

}  // namespace fedtorch::data
