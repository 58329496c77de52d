// Promises that every kind of reader keeps.

#include "fedtorch/config/document.h"
#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(EveryKind, IsNamedAfterItsFile) {
  std::vector<std::string_view> names;
  for (const Kind* kind : Kinds()) names.push_back(kind->name);
  EXPECT_THAT(names, ElementsAreArray(KindFileStems()));
  const std::set<std::string_view> different(names.begin(), names.end());
  EXPECT_EQ(different.size(), names.size());
  EXPECT_EQ(AllKinds().size(), Kinds().size());
}

TEST(EveryKind, SaysWhatItIsAndWhereItComesFrom) {
  for (const Kind* kind : Kinds()) {
    EXPECT_THAT(std::string(kind->summary), Not(IsEmpty())) << kind->name;
    EXPECT_TRUE(kind->summary.ends_with('.')) << kind->name;
    EXPECT_THAT(std::string(kind->source), Not(IsEmpty())) << kind->name;
  }
}

TEST(EveryKind, DescribesItsKeys) {
  auto recorder = config::Document::Recorder();
  auto root = recorder.Root();
  config::MakeKind(root,
                   {.name = "dataset", .help = "The samples."},
                   AllKinds(),
                   std::nullopt);
  std::set<std::string> kinds;
  for (const config::KeyFacts& key : recorder.Facts()) {
    EXPECT_THAT(key.help, Not(IsEmpty())) << key.path;
    EXPECT_TRUE(key.help.ends_with('.')) << key.path << ": " << key.help;
    kinds.insert(key.kind);
  }
  for (const Kind* kind : Kinds()) {
    EXPECT_TRUE(kinds.contains(std::string(kind->name))) << kind->name;
  }
}

TEST(EveryKind, TouchesNoFileBeforeLoad) {
  for (const std::string text :
       {"{name: idx, train_images: none, train_labels: none}",
        "{name: cifar10_binary, train_files: [none]}",
        "{name: csv, path: none, target: y}",
        "{name: npz, path: none}",
        "{name: leaf_json, train_files: [none]}",
        "{name: tsv_text, path: none}"}) {
    EXPECT_EQ(ConfigRefusal(text), "") << text;
    EXPECT_THAT(Refusal(text), HasSubstr("none: no such file; looked at"))
        << text;
  }
}

TEST(EveryKind, ReadsItsResolvedConfigBack) {
  for (const std::string text :
       {"{name: idx, train_images: a, train_labels: b}",
        "{name: cifar10_binary, train_files: [a]}",
        "{name: csv, path: a, target: \"3\"}",
        "{name: npz, path: a}",
        "{name: leaf_json, train_files: [a]}",
        "{name: tsv_text, path: a}",
        "synthetic_fedprox",
        "synthetic_images",
        "{name: synthetic_fedprox, alpha: 0, beta: 0, iid: true}"}) {
    const auto resolve = [](const std::string& yaml) {
      auto document = config::Document::FromText(yaml, "a.yaml");
      auto root = document.Root();
      config::MakeKind(
          root, {.name = "dataset", .help = ""}, AllKinds(), std::nullopt);
      document.Finish();
      return document.ResolvedYaml();
    };
    const std::string once = resolve("dataset: " + text);
    EXPECT_EQ(resolve(once), once) << text;
  }
}

TEST(Configs, NameDataSetsThatExist) {
  const char* root = std::getenv("FEDTORCH_SOURCE_DIR");
  const std::filesystem::path folder =
      std::filesystem::path(root ? root : ".") / "configs" / "datasets";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    ++files;
    auto document = config::Document::FromFiles({entry.path()});
    auto top = document.Root();
    auto data = top.Child({.name = "data", .help = ""});
    EXPECT_NE(
        config::MakeKind(
            data, {.name = "dataset", .help = ""}, AllKinds(), std::nullopt),
        nullptr);
    EXPECT_NO_THROW(document.Finish()) << entry.path();
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace fedtorch::data
