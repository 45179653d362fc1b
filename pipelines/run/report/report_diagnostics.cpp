// A batch is named where there is one, else the packet: people count batches.
#include "report_diagnostics.hpp"

#include <fmt/format.h>

#include <utility>

namespace millrace::pipelines {

Diagnostic diagnostic_of(const RunWarning& warning) {
  Diagnostic told{warning, warning.where, {}, Severity::warning};
  if (!warning.node.empty()) told.notes.push_back("in " + node_text(warning.node, warning.stage));
  return told;
}

Diagnostics failures_of(const RunReport& report) {
  Diagnostics found;
  for (const RunFailure& failure : report.failures) {
    Diagnostic diagnostic{failure, failure.where};
    if (!failure.node.empty()) {
      std::string place = "in " + node_text(failure.node, failure.stage);
      if (failure.epoch > 0)
        place += failure.batch > 0 ? fmt::format(", epoch {}, batch {}", failure.epoch, failure.batch)
                                   : fmt::format(", epoch {}, packet {}", failure.epoch, failure.packet);
      diagnostic.notes.insert(diagnostic.notes.begin(), std::move(place));
    }
    found.add(std::move(diagnostic));
  }
  return found;
}

}  // namespace millrace::pipelines
