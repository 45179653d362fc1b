// Which checkpoints go when newer ones have come.
#include "record/checkpoints/retention.hpp"
#include "catch.hpp"

#include <limits>
#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

StoredCheckpoint end_of(std::uint32_t epoch, const std::string& path) { return {{epoch, 0, 0, true}, path}; }

/// The paths of those that go, with a space behind each.
std::string gone(Retention& retention) {
  std::string paths;
  for (const StoredCheckpoint& file : retention.take_superfluous()) paths += file.path + " ";
  return paths;
}

Metrics loss_of(std::uint32_t epoch, double value) {
  Metrics metrics;
  metrics.epoch = epoch;
  metrics.set("val_loss", value);
  return metrics;
}

}  // namespace

TEST_CASE("the newest stay, and each goes once", "[record]") {
  Retention retention({.keep_last = 2});
  for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) retention.add(end_of(epoch, std::to_string(epoch)));
  CHECK(gone(retention) == "1 ");
  CHECK(gone(retention).empty());
  retention.add(end_of(4, "4"));
  CHECK(gone(retention) == "2 ");
}

TEST_CASE("none at all cannot be asked for", "[record]") {
  Retention retention({.keep_last = 0});
  retention.add(end_of(1, "1"));
  CHECK(gone(retention).empty());
}

TEST_CASE("a file that is written again is one file", "[record]") {
  Retention retention({.keep_last = 2});
  retention.add(end_of(1, "1"));
  retention.add(end_of(2, "2"));
  retention.add(end_of(2, "2"));
  CHECK(gone(retention).empty());
}

TEST_CASE("the best stays until there is a better one, also from before a run went on", "[record]") {
  Retention retention({.keep_last = 1, .monitor = {"val_loss"}});
  const std::vector<double> losses{0.3, 0.2, std::numeric_limits<double>::quiet_NaN(), 0.2, 0.1};
  const std::vector<std::string> expected{"", "1 ", "", "3 ", "2 4 "};
  for (std::uint32_t epoch = 1; epoch <= losses.size(); ++epoch) {
    CAPTURE(epoch);
    retention.told(loss_of(epoch, losses[epoch - 1]));
    retention.add(end_of(epoch, std::to_string(epoch)));
    CHECK(gone(retention) == expected[epoch - 1]);
  }
}

TEST_CASE("without a metric of its own it is the loss that runs are compared by, of which less is better", "[record]") {
  Retention retention({.keep_last = 1, .monitor = {"", true}});
  const std::vector<double> losses{0.3, 0.1, 0.2};
  for (std::uint32_t epoch = 1; epoch <= losses.size(); ++epoch) {
    Metrics metrics = loss_of(epoch, losses[epoch - 1]);
    metrics.set("loss", 1.0 / epoch);
    retention.told(metrics);
    CHECK(retention.is_best({epoch, 0, 0, true}) == (epoch <= 2));
    CHECK_FALSE(retention.is_best({epoch, 1, 4, false}));
    retention.add(end_of(epoch, std::to_string(epoch)));
    CHECK(gone(retention) == (epoch == 2 ? "1 " : ""));
  }
}

TEST_CASE("while the best has no file, the best that has one stays", "[record]") {
  Retention retention({.keep_last = 1, .monitor = {"val_loss"}});
  const std::vector<double> losses{0.3, 0.2, 0.1, 0.4, 0.5};
  for (std::uint32_t epoch = 1; epoch <= losses.size(); ++epoch) {
    retention.told(loss_of(epoch, losses[epoch - 1]));
    if (epoch != 3) retention.add(end_of(epoch, std::to_string(epoch)));  // the disk was full
    CHECK(gone(retention) == (epoch == 2 ? "1 " : epoch == 5 ? "4 " : ""));
  }
}

TEST_CASE("one in the middle of an epoch has no value of its own", "[record]") {
  Retention retention({.keep_last = 1, .monitor = {"val_loss", true}});
  retention.told(loss_of(2, 5));
  retention.add({{2, 10, 40, false}, "middle"});
  retention.add(end_of(3, "3"));
  CHECK(gone(retention) == "middle ");
}

}  // namespace millrace::pipelines
