#include "tests/docs/document.h"
#include "tests/docs/kind_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace fedtorch::docs {
namespace {

TEST(FirstDifference, NamesTheLine) {
  EXPECT_EQ(FirstDifference("a\nb\n", "a\nb\n"), "");
  EXPECT_THAT(FirstDifference("a\nb\n", "a\nc\n"),
              testing::StartsWith("line 2\n"));
  EXPECT_THAT(FirstDifference("a\n", "a\nb\n"),
              testing::StartsWith("line 2\n"));
  EXPECT_THAT(FirstDifference("a\nb\n", "a\n"),
              testing::StartsWith("line 2\n"));
  EXPECT_NE(FirstDifference("a\n", "a"), "");
}

TEST(Between, TakesTheLinesOfOneBlock) {
  EXPECT_EQ(Between("x\n```cpp\na\n\nb\n```\ny\n", "```cpp", "```"),
            "a\n\nb\n");
  EXPECT_THROW(Between("a\n", "```cpp", "```"), std::runtime_error);
  EXPECT_THROW(Between("```cpp\na\n", "```cpp", "```"), std::runtime_error);
}

// Compares a committed page with what the program says now; writes it instead
// where scripts/update_docs asks for that.
void ExpectInSync(const std::string& path, const std::string& page) {
  const char* update = std::getenv("FEDTORCH_UPDATE_DOCS");
  if (update != nullptr && std::string_view(update) == "1") {
    std::ofstream file(Root() / path, std::ios::binary);
    file << page;
    ASSERT_TRUE(file.flush()) << path;
    return;
  }
  EXPECT_EQ(FirstDifference(page, ReadText(path)), "")
      << path << " is older than the program; run scripts/update_docs";
}

TEST(InSync, ConfigReference) { ExpectInSync("docs/config.md", ConfigPage()); }

TEST(InSync, TableOfKinds) { ExpectInSync("docs/kinds.md", KindsPage()); }

TEST(InSync, ReadmeShowsTheAnnotatedConfig) {
  const std::string readme = ReadText("README.md");
  EXPECT_EQ(FirstDifference(ReadText("configs/annotated.yaml"),
                            Between(readme, "```yaml", "```")),
            "")
      << "copy configs/annotated.yaml into the block of README.md";
}

TEST(InSync, ReadmeShowsTheProgramThatIsTested) {
  const std::string readme = ReadText("README.md");
  EXPECT_EQ(FirstDifference(ReadText("tests/docs/custom_kind.cc"),
                            Between(readme, "```cpp", "```")),
            "")
      << "copy tests/docs/custom_kind.cc into the block of README.md";
}

// A page less its blocks of code, where brackets are no links.
std::string WithoutCode(const std::string& page) {
  std::istringstream lines(page);
  std::string text;
  std::string line;
  bool code = false;
  while (std::getline(lines, line)) {
    if (line.starts_with("```")) code = !code;
    if (!code) text += line + "\n";
  }
  return text;
}

// A link that leads nowhere is found here, not by a reader.
TEST(InSync, LinksOfThePagesLeadToFiles) {
  for (const std::string page : {"README.md",
                                 "CONTRIBUTING.md",
                                 "CHANGELOG.md",
                                 "docs/kinds.md",
                                 "datasets/samples/README.md"}) {
    const std::string text = WithoutCode(ReadText(page));
    const auto folder = (Root() / page).parent_path();
    for (std::size_t at = text.find("]("); at != std::string::npos;
         at = text.find("](", at + 2)) {
      const std::size_t end = text.find(')', at);
      ASSERT_NE(end, std::string::npos) << page;
      std::string target = text.substr(at + 2, end - at - 2);
      if (target.starts_with("http")) continue;
      target = target.substr(0, target.find('#'));
      EXPECT_TRUE(target.empty() || std::filesystem::exists(folder / target))
          << page << " links " << target;
    }
  }
}

}  // namespace
}  // namespace fedtorch::docs
