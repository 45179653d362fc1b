// Configs that must be refused, as data.
#pragma once

#include <millrace/peers.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct BadConfig {
  std::filesystem::path path;
  std::vector<std::string> expected;   ///< "unknown-node 4:35", in the order of the report
  std::vector<std::string> overrides;  ///< texts of --set
  RankInfo ranks;                      ///< `# ranks: 2`: as one of two processes
};

/// Every config of the folder, with the `# expect:`, `# set:` and `# ranks:` lines at its top.
std::vector<BadConfig> read_bad_configs(const std::filesystem::path& folder);

/// "NAME LINE:COLUMN" of each error of the config, against the built-in stages; the place is preceded by the file's name
/// when that is not the config itself, and is "set#K:COLUMN" for the K-th override.
std::vector<std::string> errors_of(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                                   const RankInfo& ranks = {});

}  // namespace millrace::pipelines
