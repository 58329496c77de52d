#include "tests/docs/document.h"
#include "tests/docs/header_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace fedtorch::docs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST(HeaderScan, FindsAMissingGuardAndMissingComments) {
  EXPECT_THAT(HeaderProblems("#pragma once\n"
                             "namespace a {\n"
                             "struct Result {\n"
                             "  int undocumented_member;\n"
                             "};\n"
                             "\n"
                             "/// Says x.\n"
                             "int F(int a,\n"
                             "      int b);\n"
                             "int G();\n"
                             "\n"
                             "int H();\n"
                             "}  // namespace a\n"),
              ElementsAre(StartsWith("line 3:"), StartsWith("line 12:")));
  EXPECT_THAT(HeaderProblems("/// Says x.\nint F();\n"),
              ElementsAre("line 1: expected #pragma once"));
}

TEST(HeaderScan, AcceptsWhatIsDocumented) {
  EXPECT_THAT(HeaderProblems("#pragma once\n"
                             "\n"
                             "#define LONG(x) \\\n"
                             "  call(x)\n"
                             "namespace a {\n"
                             "class Forward;\n"
                             "\n"
                             "/// Holds x.\n"
                             "/// Two lines.\n"
                             "template <class K>\n"
                             "class Table {\n"
                             " public:\n"
                             "  char open() const { return '{'; }\n"
                             "\n"
                             "  int size() const;\n"
                             "};\n"
                             "\n"
                             "/// Says x.\n"
                             "inline int F() {\n"
                             "  return 1;\n"
                             "}\n"
                             "}  // namespace a\n"),
              IsEmpty());
}

TEST(Headers, EachSaysWhatItsDeclarationsAreFor) {
  int headers = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(Root() / "fedtorch")) {
    if (entry.path().extension() != ".h") continue;
    // Read once for every instruction set, so it has no #pragma once; it is
    // part of the sources.
    if (entry.path().stem().string().ends_with("-inl")) continue;
    ++headers;
    const auto path = std::filesystem::relative(entry.path(), Root());
    EXPECT_THAT(HeaderProblems(ReadText(path)), IsEmpty()) << path;
  }
  EXPECT_GT(headers, 50);
}

}  // namespace
}  // namespace fedtorch::docs
