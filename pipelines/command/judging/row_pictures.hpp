// Pictures of some rows of a source.
#pragma once

#include "command/slices/prediction_way.hpp"
#include "command/slices/slice_run.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace millrace::pipelines {

/// PNG files in base 64 of the rows with these ids, as `source` gives them; none where its rows look like no images. Throws Error as judge_rows does.
std::map<std::uint64_t, std::string> row_pictures(const CheckedConfig& checked, const OutputName& source,
                                                  std::set<std::uint64_t> ids, std::uint32_t epoch,
                                                  const SliceWatch& watch);

/// RFC 4648, section 4.
std::string base64_text(const std::string& bytes);

}  // namespace millrace::pipelines
