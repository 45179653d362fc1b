// A file that is read whole, if it can be.
#pragma once

#include <string>

namespace millrace::pipelines {

/// Up to 64 MiB of a file; empty for one that is not there or cannot be read.
std::string content_of(const std::string& path);

}  // namespace millrace::pipelines
