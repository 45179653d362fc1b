// Which rows of a file a source sends, and how: the parameters that all sources of files have.
#pragma once

#include <millrace/param.hpp>
#include <millrace/stage.hpp>
#include <millrace/stage_descriptor.hpp>

#include <cstdint>
#include <optional>

namespace millrace::stages {

inline constexpr std::uint64_t kDefaultMaxFileBytes = std::uint64_t{8} << 30;  ///< where the user sets no limit

struct RowChoice {
  /// Of a node with the parameters below.
  explicit RowChoice(const ParamValue& params);

  /// Decides `count` for files with `rows` rows. False when `rows` names some that are not there, which is reported.
  bool fits(std::int64_t rows, InferContext& ctx);

  bool shuffles = false;
  std::int64_t block_rows = 0;
  std::uint64_t max_bytes = 0;
  std::int64_t first = 0, count = 0;

 private:
  std::optional<std::int64_t> wanted_;
};

/// shuffle, rows, block_rows and max_bytes.
void add_row_params(StageDescriptor& spec);
Param block_rows_param();
Param max_bytes_param();

}  // namespace millrace::stages
