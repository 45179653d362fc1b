// The notebook's graph, small, on data of its own, and what every test of a whole run on the simulated device looks at.
#pragma once

#include "idx_fixture.hpp"
#include "run/runner.hpp"
#include "sim_device.hpp"

#include <millrace/registry.hpp>

#include <memory>
#include <string>
#include <vector>

namespace millrace::sim {

using pipelines::RunFailure;
using pipelines::RunOptions;
using pipelines::RunReport;
using Names = std::vector<std::string>;

/// The built-in stages.
const StageRegistry& built_in();

class Notebook {
 public:
  static constexpr int kTrainLine = 9, kValidLine = 18;  ///< of the transfers
  static constexpr std::int64_t kTrainRows = 300, kValidRows = 70, kRowBytes = 36 + 1;
  static constexpr int kEpochs = 3;

  /// `transfer` is the stage of train_to_device; `behind`, if any, one between it and the trainer.
  explicit Notebook(const std::string& transfer = "transfer", const std::string& behind = "",
                    const StageRegistry& stages = built_in());

  /// From now on with these too, as after --set.
  Notebook& set(std::vector<std::string> sets);
  pipelines::ValidatedGraph load(const std::string& device, int threads) const;
  /// Names of the config's errors.
  Names errors(const std::string& device) const;
  RunReport run(const std::string& device, int threads = 2, const RunOptions& options = {}) const;

 private:
  std::string idx(const std::string& name, std::int64_t rows);
  const StageRegistry& stages_;
  std::vector<std::string> sets_;
  testing::TempFolder folder_;
  std::string path_;
};

/// Every packet by itself, so that the number of copies is known.
inline const std::vector<std::string> kOneByOne{"train_to_device.gather_bytes=0", "valid_to_device.gather_bytes=0"};
inline constexpr std::uint64_t kCopiesOneByOne = 3 * 2 * (10 + 4);

/// From now on `device: sim` is in this world.
std::shared_ptr<World> new_world(const Settings& settings = {});
Names names_of(const RunReport& report);
/// The failure of a node; null when there is none.
const RunFailure* failure_of(const RunReport& report, const std::string& node);
/// Whatever happened: nothing was used too early or too late, and nothing is left.
void check_clean(const World& world, const RunReport& report);

}  // namespace millrace::sim
