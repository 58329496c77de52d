#include "fedtorch/core/npz.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/data/byte_file.h"
#include "fedtorch/data/corpus_check.h"
#include "fedtorch/data/feature_scaling.h"
#include "fedtorch/data/image_scaling.h"
#include "fedtorch/data/owner_table.h"
#include "fedtorch/data/reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::data {
namespace {

using Arrays = std::map<std::string, core::NpyArray>;

struct Options {
  std::string path;
  std::string x_train;
  std::string y_train;
  std::string x_test;
  std::string y_test;
  std::optional<std::string> owner_train;
  std::optional<std::string> owner_test;
  bool tokens = false;
  bool channels_last = false;
  std::optional<std::int64_t> num_classes;
  ImageScaling scaling;
};

/// Calls `visit(index, value)` for every number of an array, as T of its type.
template <class T, class Visit>
void VisitAs(const core::NpyArray& array, const Visit& visit) {
  const std::size_t count = array.data.size() / sizeof(T);
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, array.data.data() + i * sizeof(T), sizeof(T));
    visit(i, value);
  }
}

std::string ShapeText(const core::NpyArray& array) {
  std::string text = "[";
  for (std::size_t i = 0; i < array.shape.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(array.shape[i]);
  }
  return text + "] " + array.dtype;
}

/// Names an array of a file in messages: "a.npz: array 'x_train'".
struct Place {
  const std::filesystem::path& path;
  const std::string& array;

  [[noreturn]] void Fail(const std::string& message) const {
    ThrowDataError(path, "array '" + array + "': " + message);
  }
};

std::vector<std::int64_t> Integers(const core::NpyArray& array,
                                   const Place& place) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(array.size()));
  const auto store = [&](std::size_t i, auto value) {
    values[i] = static_cast<std::int64_t>(value);
  };
  if (array.dtype == "|u1") {
    VisitAs<std::uint8_t>(array, store);
  } else if (array.dtype == "<i4") {
    VisitAs<std::int32_t>(array, store);
  } else if (array.dtype == "<i8") {
    VisitAs<std::int64_t>(array, store);
  } else {
    place.Fail("expected integers (u1, i4 or i8), found " + ShapeText(array) +
               "; convert it with astype('int64')");
  }
  return values;
}

std::vector<float> Floats(const core::NpyArray& array, const Place& place) {
  std::vector<float> values(static_cast<std::size_t>(array.size()));
  const auto store = [&](std::size_t i, auto value) {
    values[i] = static_cast<float>(value);
  };
  if (array.dtype == "<f4") {
    VisitAs<float>(array, store);
  } else if (array.dtype == "<f8") {
    VisitAs<double>(array, store);
  } else if (array.dtype == "|u1" || array.dtype == "<i4" ||
             array.dtype == "<i8") {
    const std::vector<std::int64_t> integers = Integers(array, place);
    for (std::size_t i = 0; i < integers.size(); ++i) store(i, integers[i]);
  } else {
    place.Fail("expected u1, i4, i8, f4 or f8, found " + ShapeText(array));
  }
  const auto bad = std::ranges::find_if_not(
      values, [](float value) { return std::isfinite(value); });
  if (bad != values.end()) {
    const std::int64_t width = array.size() / array.shape[0];
    place.Fail("sample " + std::to_string((bad - values.begin()) / width) +
               ": expected finite numbers of float32, found " +
               std::to_string(*bad));
  }
  return values;
}

/// Moves the last of the three axes of every sample to the front.
template <class T>
void MoveChannelsFirst(std::vector<std::int64_t>* shape,
                       std::vector<T>* values) {
  const auto channels = static_cast<std::size_t>(shape->back());
  const auto plane = static_cast<std::size_t>((*shape)[0] * (*shape)[1]);
  std::vector<T> sample(channels * plane);
  for (std::size_t start = 0; start < values->size(); start += sample.size()) {
    for (std::size_t i = 0; i < plane; ++i) {
      for (std::size_t c = 0; c < channels; ++c) {
        sample[c * plane + i] = (*values)[start + i * channels + c];
      }
    }
    std::ranges::copy(sample,
                      values->begin() + static_cast<std::ptrdiff_t>(start));
  }
  *shape = {shape->back(), (*shape)[0], (*shape)[1]};
}

/// Reads arrays of numpy: features x and labels y of each set.
class Npz final : public Reader {
 public:
  explicit Npz(Options options) : options_(std::move(options)) {}

  Corpus Load(std::uint64_t) const override {
    const ByteFile file = ReadByteFile(FindData(options_.path));
    std::vector<std::string> wanted{
        options_.x_train, options_.y_train, options_.x_test, options_.y_test};
    if (options_.owner_train) wanted.push_back(*options_.owner_train);
    if (options_.owner_test) wanted.push_back(*options_.owner_test);
    const Arrays arrays = core::ParseNpz(file.bytes, file.path, wanted);

    Corpus corpus;
    corpus.files.push_back(file.source());
    corpus.train = ReadSet(
        file, arrays, options_.x_train, options_.y_train, options_.owner_train);
    if (arrays.contains(options_.x_test) || arrays.contains(options_.y_test)) {
      corpus.test = ReadSet(
          file, arrays, options_.x_test, options_.y_test, options_.owner_test);
      if (corpus.test->shape != corpus.train.shape ||
          corpus.test->type != corpus.train.type ||
          corpus.test->target_length != corpus.train.target_length) {
        Place{file.path, options_.x_test}.Fail(
            "expected samples of the same shape and type as those of '" +
            options_.x_train + "'");
      }
    } else {
      corpus.notes.push_back("The file has no arrays '" + options_.x_test +
                             "' and '" + options_.y_test +
                             "', so there is no central test set.");
    }
    SetClasses(file, &corpus);
    Scale(file, &corpus);
    CheckCorpus(corpus);
    return corpus;
  }

 private:
  static const core::NpyArray& Get(const ByteFile& file,
                                   const Arrays& arrays,
                                   const std::string& name) {
    const auto found = arrays.find(name);
    if (found == arrays.end()) {
      ThrowDataError(file.path,
                     "expected an array '" + name +
                         "', found none of that name; correct the key");
    }
    if (found->second.shape.empty() || found->second.size() == 0) {
      Place{file.path, name}.Fail("there is no sample: " +
                                  ShapeText(found->second));
    }
    return found->second;
  }

  Dataset ReadSet(const ByteFile& file,
                  const Arrays& arrays,
                  const std::string& x_name,
                  const std::string& y_name,
                  const std::optional<std::string>& owner_name) const {
    Dataset set;
    set.name = file.path.string();
    const core::NpyArray& x = Get(file, arrays, x_name);
    ReadFeatures(x, {file.path, x_name}, &set);
    const core::NpyArray& y = Get(file, arrays, y_name);
    const Place y_place{file.path, y_name};
    if (y.shape[0] != x.shape[0]) {
      y_place.Fail("expected one entry for each of the " +
                   std::to_string(x.shape[0]) + " samples of '" + x_name +
                   "', found " + std::to_string(y.shape[0]));
    }
    if (y.shape.size() > 2 || (y.shape.size() == 2 && y.shape[1] != 1 &&
                               (!options_.tokens || y.shape != x.shape))) {
      y_place.Fail(
          "expected class numbers, [samples] or [samples, 1], or with tokens "
          "one for each token, found " +
          ShapeText(y));
    }
    set.target_length = y.shape.size() == 2 ? y.shape[1] : 1;
    set.targets = Integers(y, y_place);
    if (owner_name) {
      const core::NpyArray& owners = Get(file, arrays, *owner_name);
      const Place place{file.path, *owner_name};
      if (owners.shape != std::vector<std::int64_t>{x.shape[0]}) {
        place.Fail("expected one owner for each of the " +
                   std::to_string(x.shape[0]) + " samples of '" + x_name +
                   "', found " + ShapeText(owners));
      }
      std::vector<std::string> names;
      for (const std::int64_t owner : Integers(owners, place)) {
        names.push_back(std::to_string(owner));
      }
      NameOwners(names, &set);
    }
    return set;
  }

  void ReadFeatures(const core::NpyArray& x,
                    const Place& place,
                    Dataset* set) const {
    set->shape.assign(x.shape.begin() + 1, x.shape.end());
    if (options_.tokens) {
      if (set->shape.size() != 1) {
        place.Fail("expected token ids, [samples, length], found " +
                   ShapeText(x));
      }
      set->type = FeatureType::kInt64;
      set->tokens = Integers(x, place);
      return;
    }
    if (set->shape.empty()) set->shape = {1};
    if (set->shape.size() == 2) {
      set->shape.insert(set->shape.begin(), 1);
    } else if (set->shape.size() > 3) {
      place.Fail(
          "expected [samples, features], [samples, height, width] or "
          "images with channels, found " +
          ShapeText(x));
    }
    const bool move = options_.channels_last && x.shape.size() == 4;
    // Only images stay bytes; a table of bytes is numeric columns.
    if (x.dtype == "|u1" && set->shape.size() == 3) {
      set->type = FeatureType::kUint8;
      set->bytes.resize(x.data.size());
      std::memcpy(set->bytes.data(), x.data.data(), x.data.size());
      if (move) MoveChannelsFirst(&set->shape, &set->bytes);
    } else {
      set->type = FeatureType::kFloat32;
      set->floats = Floats(x, place);
      if (move) MoveChannelsFirst(&set->shape, &set->floats);
    }
  }

  void SetClasses(const ByteFile& file, Corpus* corpus) const {
    Dataset* test = corpus->test ? &*corpus->test : nullptr;
    const auto targets =
        test ? std::span(test->targets) : std::span<std::int64_t>();
    std::int64_t classes = ClassesOf(
        file.path, corpus->train.targets, targets, options_.num_classes);
    if (options_.tokens && !options_.num_classes) {
      // Inputs and targets share the vocabulary.
      classes = ClassesOf(file.path,
                          corpus->train.tokens,
                          test ? std::span(test->tokens) : targets,
                          {});
      classes = std::max(
          classes, ClassesOf(file.path, corpus->train.targets, targets, {}));
    }
    const auto finish = [&](const std::string& x,
                            const std::string& y,
                            Dataset* set) {
      set->num_classes = classes;
      const std::filesystem::path place = file.path.string() + ": array '" + y;
      CheckLabels(place.string() + "'", set->targets, classes, "entry");
      const std::filesystem::path tokens = file.path.string() + ": array '" + x;
      CheckLabels(tokens.string() + "'", set->tokens, classes, "token");
    };
    finish(options_.x_train, options_.y_train, &corpus->train);
    if (test) finish(options_.x_test, options_.y_test, test);
  }

  void Scale(const ByteFile& file, Corpus* corpus) const {
    const FeatureType type = corpus->train.type;
    if (type == FeatureType::kUint8) {
      options_.scaling.Apply(corpus);
      return;
    }
    if (!options_.scaling.mean.empty()) {
      Place{file.path, options_.x_train}.Fail(
          "expected images of type u1, to which the keys mean and std apply, "
          "found other features; remove both keys");
    }
    if (type == FeatureType::kFloat32 && options_.scaling.standardize) {
      StandardizeFeatures({}, corpus);
    }
  }

  Options options_;
};

std::unique_ptr<Reader> Make(config::Section& section) {
  Options options;
  options.path = section.Text(
      {.name = "path",
       .help = "The .npz file; looked for in datasets/, $FEDTORCH_DATA and "
               "/usr/share/datasets."},
      std::nullopt);
  const auto name = [&section](std::string_view key, std::string_view help) {
    return section.Text({.name = key, .help = help}, std::string(key));
  };
  options.x_train = name("x_train", "Name of the array of training features.");
  options.y_train = name("y_train", "Name of the array of training labels.");
  options.x_test = name("x_test",
                        "Name of the array of test features; where the file "
                        "has none there is no central test set.");
  options.y_test = name("y_test", "Name of the array of test labels.");
  options.owner_train = section.OptionalText(
      {.name = "owner_train",
       .help = "Name of an integer array with the owner of each training "
               "sample; null = the data name no owner."});
  options.owner_test = section.OptionalText(
      {.name = "owner_test",
       .help = "Name of an integer array with the owner of each test sample."});
  options.tokens = section.Bool(
      {.name = "tokens",
       .help = "Features are token ids of a text, [samples, length]."},
      false);
  options.channels_last =
      section.Choice({.name = "layout",
                      .help = "Where images with four axes have their "
                              "channels."},
                     {"channels_first", "channels_last"},
                     "channels_first") == "channels_last";
  options.num_classes = section.OptionalInt(
      {.name = "num_classes",
       .help = "Number of classes, for tokens the size of the vocabulary; null "
               "= largest number found + 1.",
       .unit = "classes"},
      {.min = 2});
  options.scaling = ImageScaling::Read(section);
  return std::make_unique<Npz>(std::move(options));
}

}  // namespace

extern const Kind kNpz;
constinit const Kind kNpz{
    .name = "npz",
    .summary =
        "Arrays of numpy (.npz): images, tables or token ids, with "
        "labels.",
    .source = "NumPy, numpy.lib.format, versions 1 to 3",
    .make = Make};

}  // namespace fedtorch::data
