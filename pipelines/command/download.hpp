// One address into one file. The only file that includes libcurl is its source.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace millrace::pipelines {

/// Whether this build can download at all.
bool can_download();

struct Download {
  std::string problem = {};  ///< "" or why it failed
  int write_error = 0;       ///< errno of `descriptor`, where that was the reason
};

/// Writes what `address` answers to the open file `descriptor`, at most `most_bytes`. It is https, file, or http to this very
/// machine, and so is every address that it redirects to, but for file. Ends early when `*stop` becomes other than 0.
Download download(const std::string& address, int descriptor, std::uint64_t most_bytes, const std::atomic<int>& stop);

}  // namespace millrace::pipelines
