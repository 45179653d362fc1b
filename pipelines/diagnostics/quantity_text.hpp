// Bytes and counts as a person reads them.
#pragma once

#include <string>

namespace millrace::pipelines {

/// "512 B", "44.9 MiB".
std::string bytes_text(double bytes);
/// "1,234,567".
std::string count_text(long long value);

}  // namespace millrace::pipelines
