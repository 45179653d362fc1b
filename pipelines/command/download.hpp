// One address into one file. The only file that includes libcurl is its source.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace millrace::pipelines {

/// Whether this build can download at all.
bool can_download();

/// Writes what `address` (http, https or file) answers to the open file `descriptor`, at most `most_bytes`. Returns "" or the
/// reason why it failed. Ends early when `*stop` becomes other than 0.
std::string download(const std::string& address, int descriptor, std::uint64_t most_bytes,
                     const std::atomic<int>& stop);

}  // namespace millrace::pipelines
