// Seconds as a person reads them in a report.
#pragma once

#include <string>

namespace millrace::pipelines {

/// "0.24 ms", "1.2 s", "2 min 5 s", "3 h 20 min".
std::string duration_text(double seconds);

}  // namespace millrace::pipelines
