// Whether each epoch of a run used each row exactly once, by what its journal says.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "declared_rows.hpp"

#include <millrace/files/journal_line.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// An epoch whose account is not the declared one.
struct AuditFault {
  std::uint32_t epoch = 0;
  std::string sentence;
  std::vector<std::int64_t> missing, doubled;  ///< rows, where it is known which
};

struct AuditedNode {
  std::string node, stage;
  DeclaredRows declared;
  std::uint32_t epochs = 0;  ///< that were looked at
  int ranks = 1;             ///< most processes that had a part of the rows each
  std::vector<AuditFault> faults;
};

struct Audit {
  std::vector<AuditedNode> nodes;
  std::uint32_t epochs = 0;     ///< of this run
  std::uint32_t inherited = 0;  ///< of its parent, whose journal has their accounts

  bool has_passed() const;
};

/// `graph` is that which trained; `lines` are those of the run's journal.
Audit audit_of(const ValidatedGraph& graph, const std::vector<JournalLine>& lines);

}  // namespace millrace::pipelines
