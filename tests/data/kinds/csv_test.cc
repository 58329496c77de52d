#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kPeople =
    "age,job,town,rich\n"
    "20,smith,A,no\n"
    "40,baker,B,yes\n"
    "60,smith,A,no\n";

class Csv : public testing::Test {
 protected:
  std::string Config(const std::string& text, const std::string& more) const {
    return "{name: csv, path: " + folder_.Write("a.csv", text) + ", " + more +
           "}";
  }

  ScratchFolder folder_;
};

TEST_F(Csv, EncodesNumbersAndCategories) {
  const Corpus corpus =
      Load(Config(kPeople, "target: rich, categorical: [job, town]"));
  const Dataset& train = corpus.train;
  // age, job = baker, job = smith, town = A, town = B
  EXPECT_THAT(train.shape, ElementsAre(5));
  EXPECT_THAT(train.floats,
              ElementsAre(20, 0, 1, 1, 0, 40, 1, 0, 0, 1, 60, 0, 1, 1, 0));
  EXPECT_THAT(train.targets, ElementsAre(0, 1, 0));
  EXPECT_THAT(train.class_names, ElementsAre("no", "yes"));
  EXPECT_EQ(train.num_classes, 2);
  EXPECT_FALSE(corpus.test.has_value());
  EXPECT_THAT(corpus.notes, IsEmpty());
  // Only the age is standardised: deviation sqrt(800 / 3).
  const float high = 20.0F / std::sqrt(800.0F / 3.0F);
  EXPECT_THAT(FeaturesOf(train, 2),
              ElementsAre(FloatNear(high, 1e-6F), 0, 1, 1, 0));
  EXPECT_THAT(FeaturesOf(Load(Config(kPeople,
                                     "target: rich, categorical: [job, "
                                     "town], normalize: none"))
                             .train,
                         2),
              ElementsAre(60, 0, 1, 1, 0));
}

TEST_F(Csv, NamesColumnsByIndexWithoutHeader) {
  const Dataset train =
      Load(
          Config("1,x,7\n2,y,8\n",
                 "header: false, target: '1', numeric: ['2'], normalize: none"))
          .train;
  EXPECT_THAT(train.floats, ElementsAre(7, 8));
  EXPECT_THAT(train.class_names, ElementsAre("x", "y"));
}

TEST_F(Csv, SortsWholeNumbersByValue) {
  const Dataset train =
      Load(Config("10,1\n9,2\n100,3\n", "header: false, target: '0'")).train;
  EXPECT_THAT(train.class_names, ElementsAre("9", "10", "100"));
  EXPECT_THAT(train.targets, ElementsAre(1, 0, 2));
}

TEST_F(Csv, TakesOtherDelimitersAndPackedFiles) {
  const std::string packed =
      folder_.Write("packed", Gzip("a;b\n1;x\n2;\"y;z\"\n"));
  EXPECT_THAT(
      Load("{name: csv, path: " + packed + ", target: b, delimiter: ';'}")
          .train.class_names,
      ElementsAre("x", "y;z"));
  EXPECT_THAT(Load(Config("a\tb\n1\tx\n2\ty\n", "target: b, delimiter: tab"))
                  .train.class_names,
              ElementsAre("x", "y"));
  EXPECT_THAT(ConfigRefusal("{name: csv, path: a, target: b, delimiter: "
                            "', '}"),
              HasSubstr("one character"));
}

TEST_F(Csv, NamesOwnersByColumnOrFile) {
  const Dataset column =
      Load(Config(kPeople, "target: rich, owner: town, categorical: [job]"))
          .train;
  EXPECT_THAT(column.owner_names, ElementsAre("A", "B"));
  EXPECT_THAT(column.owners, ElementsAre(0, 1, 0));
  EXPECT_THAT(column.shape, ElementsAre(3));  // the owner is no feature
  const Dataset both =
      Load(Config(kPeople,
                  "target: rich, owner: town, categorical: [job, "
                  "town]"))
          .train;
  EXPECT_THAT(both.shape, ElementsAre(5));

  const std::string one = folder_.Write("one.csv", "a,b\n1,0\n2,1\n");
  const std::string two = folder_.Write("two.csv", "a,b\n3,1\n");
  const Dataset files = Load("{name: csv, paths: [" + two + ", " + one +
                             "], target: b, owner: file}")
                            .train;
  EXPECT_THAT(files.owner_names, ElementsAre("one.csv", "two.csv"));
  EXPECT_THAT(files.owners, ElementsAre(1, 0, 0));
  EXPECT_THAT(files.floats, ElementsAre(3, 1, 2));
}

TEST_F(Csv, RefusesMissingValuesUnlessToldWhatToDo) {
  EXPECT_THAT(Refusal(Config("a,b\n1,0\n?,1\n", "target: b")),
              AllOf(HasSubstr("a.csv:3: column 'a'"),
                    HasSubstr("'?'"),
                    HasSubstr("drop_row")));
}

TEST_F(Csv, LeavesOutRowsWithMissingValues) {
  const Corpus corpus = Load(
      Config("a,b,c,d\n1,x,0,\n?,x,1,\n3,NA,1,\n4,y,,\n5,y,1,9\n",
             "target: c, categorical: [b], ignore: [d], missing: drop_row, "
             "normalize: none"));
  EXPECT_THAT(corpus.train.floats, ElementsAre(1, 1, 0, 5, 0, 1));
  EXPECT_THAT(corpus.train.targets, ElementsAre(0, 1));
  EXPECT_THAT(corpus.notes,
              ElementsAre("3 values are missing in 3 of 5 rows (a 1, b 1, c "
                          "1); these rows were left out."));
}

TEST_F(Csv, FillsMissingValuesFromTheTrainingRows) {
  const std::string test = folder_.Write("test.csv", "a,b,c\n,z,1\n9,x,0\n");
  const Corpus corpus = Load(
      Config("a,b,c\n1,x,0\nNaN,?,1\n5,y,1\n",
             "target: c, categorical: [b], missing: mean, test_path: " + test));
  // a; b = x, y, z. The mean of 1 and 5 is 3, also in the test set.
  EXPECT_THAT(corpus.train.floats,
              ElementsAre(1, 1, 0, 0, 3, 0, 0, 0, 5, 0, 1, 0));
  EXPECT_THAT(corpus.test->floats, ElementsAre(3, 0, 0, 1, 9, 1, 0, 0));
  EXPECT_FLOAT_EQ(corpus.train.mean.at(0), 3.0F);
  EXPECT_EQ(corpus.test->mean, corpus.train.mean);
  EXPECT_THAT(corpus.notes,
              ElementsAre(HasSubstr("3 values are missing in 2 of 5 rows (a "
                                    "2, b 1)")));
  EXPECT_THAT(Refusal(Config("a,c\n1,0\n2,?\n", "target: c, missing: mean")),
              AllOf(HasSubstr("a.csv:3: column 'c'"), HasSubstr("drop_row")));
  EXPECT_THAT(
      Refusal(Config("a,b,c\n1,?,0\n2,?,1\n", "target: c, missing: mean")),
      HasSubstr("column 'b': expected a value in some training row"));
}

TEST_F(Csv, DrawsATestSet) {
  std::string text = "a,b\n";
  for (int i = 0; i < 100; ++i) {
    text += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  }
  const auto reader =
      ReaderOf(Config(text, "target: b, test_fraction: 0.2, normalize: none"));
  const Corpus corpus = reader->Load(5);
  ASSERT_EQ(corpus.train.size(), 80);
  ASSERT_EQ(corpus.test->size(), 20);
  std::vector<float> all = corpus.train.floats;
  EXPECT_TRUE(std::ranges::is_sorted(all));
  all.insert(all.end(), corpus.test->floats.begin(), corpus.test->floats.end());
  std::ranges::sort(all);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(all[i], static_cast<float>(i));
  }
  EXPECT_EQ(reader->Load(5).test->floats, corpus.test->floats);
  EXPECT_NE(reader->Load(6).test->floats, corpus.test->floats);
  EXPECT_THAT(ConfigRefusal("{name: csv, path: a, target: b, test_path: c, "
                            "test_fraction: 0.5}"),
              HasSubstr("expected 0 where test_path is given"));
}

TEST_F(Csv, JoinsClassesByAThreshold) {
  const Dataset train = Load(Config("1,0\n2,3\n3,1.5\n4,-1\n",
                                    "header: false, target: '1', "
                                    "positive_above: 0"))
                            .train;
  EXPECT_THAT(train.targets, ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(train.num_classes, 2);
  EXPECT_THAT(Refusal(Config("1,x\n",
                             "header: false, target: '1', "
                             "positive_above: 0")),
              HasSubstr("compare with positive_above, found 'x'"));
}

TEST_F(Csv, ReadsNumbersAsPeopleWriteThem) {
  const Dataset train =
      Load(Config("a,b\n+1,0\n.7,1\n1.00E+05,0\n-2e-3,1\n \"5\" ,1\n",
                  "target: b, normalize: none"))
          .train;
  EXPECT_THAT(train.floats, ElementsAre(1, 0.7F, 100000, -0.002F, 5));
}

TEST_F(Csv, SaysWhatIsWrong) {
  EXPECT_THAT(Refusal(Config(kPeople, "target: rihc")),
              AllOf(HasSubstr("key target"),
                    HasSubstr("'rihc'"),
                    HasSubstr("did you mean 'rich'?")));
  EXPECT_THAT(Refusal(Config(kPeople, "target: '9'")),
              AllOf(HasSubstr("from 0 to 3"), HasSubstr("'9'")));
  EXPECT_THAT(Refusal(Config(kPeople, "target: rich")),
              AllOf(HasSubstr("a.csv:2: column 'job'"),
                    HasSubstr("finite number, found 'smith'"),
                    HasSubstr("categorical")));
  EXPECT_THAT(Refusal(Config(kPeople,
                             "target: rich, ignore: [job], "
                             "categorical: [job]")),
              HasSubstr("under ignore and under categorical"));
  EXPECT_THAT(Refusal(Config("a,b\n1,0\nnan,1\n", "target: b")),
              AllOf(HasSubstr("a.csv:3:"), HasSubstr("found 'nan'")));
  EXPECT_THAT(Refusal(Config("a,b\n1,0\n1e39,1\n", "target: b")),
              HasSubstr("found '1e39'"));
  EXPECT_THAT(Refusal(Config("a,b\n1,0\n2,0\n", "target: b")),
              HasSubstr("two values or more, found only '0'"));
  EXPECT_THAT(Refusal(Config("b\n0\n1\n", "target: b")),
              HasSubstr("at least one feature column"));
  EXPECT_THAT(
      Refusal(Config("a,b\n?,0\n?,1\n", "target: b, missing: drop_row")),
      HasSubstr("the training set has no sample"));
  std::string many = "a,b\n";
  for (int i = 0; i < 1002; ++i) {
    many += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
  }
  EXPECT_THAT(Refusal(Config(many, "target: b, categorical: [a]")),
              AllOf(HasSubstr("column 'a'"), HasSubstr("at most 1000")));
  EXPECT_THAT(Refusal(Config(many, "target: a")),
              HasSubstr("target column of at most 1000"));
  const std::string other = folder_.Write("other.csv", "a,c\n1,0\n");
  EXPECT_THAT(
      Refusal(Config("a,b\n1,0\n2,1\n", "target: b, test_path: " + other)),
      AllOf(HasSubstr("other.csv:1: expected column 1 to be 'b'"),
            HasSubstr("found 'c'")));
  EXPECT_THAT(ConfigRefusal("{name: csv, target: b}"),
              HasSubstr("either path or paths, found neither"));
}

}  // namespace
}  // namespace fedtorch::data
