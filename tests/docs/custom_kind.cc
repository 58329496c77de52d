#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/app/app.h"

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

/// Takes one quantile of every coordinate; ignores weights. Cost: O(nd).
class Quantile final : public Aggregator {
 public:
  explicit Quantile(double at) : at_(at) {}

  Result Aggregate(const Inputs& inputs, const Context&) const override {
    const UpdateTable& table = inputs.table();
    Result result;
    table.Visit([&](auto rows) {
      std::vector<double> column(rows.size());
      const auto place =
          column.begin() + static_cast<std::ptrdiff_t>(
                               at_ * static_cast<double>(column.size() - 1));
      for (std::int64_t j = 0; j < table.dimension; ++j) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          column[i] = static_cast<double>(rows[i][j]);
        }
        std::nth_element(column.begin(), place, column.end());
        result.vector.push_back(*place);
      }
    });
    return result;
  }

 private:
  double at_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Quantile>(section.Real(
      {.name = "at", .help = "0 = smallest, 0.5 = lower median, 1 = largest."},
      0.5,
      {.min = 0.0, .max = 1.0}));
}

}  // namespace

extern const Kind kQuantile;
constinit const Kind kQuantile{
    .name = "quantile",
    .summary = "A quantile of every coordinate on its own.",
    .source = "numpy.quantile, method lower",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate

int main(int argc, char** argv) {
  fedtorch::aggregate::Use(fedtorch::aggregate::kQuantile);
  return fedtorch::app::RunMain(argc, argv);
}
