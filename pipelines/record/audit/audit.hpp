// Whether each epoch of a run used each row exactly once, by what its journal says.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "declared_rows.hpp"
#include "trained_epochs.hpp"

#include <millrace/files/journal_line.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// An epoch whose account is not the declared one, or of which the journal does not tell.
struct AuditFault {
  std::uint32_t epoch = 0;
  std::string sentence;
  std::vector<std::int64_t> missing, doubled;  ///< rows, where it is known which
};

/// Steps of an epoch that a trainer took the rows of and that its weights know nothing of, because something was not finite.
struct LeftOutSteps {
  std::uint32_t epoch = 0;
  std::uint64_t skipped = 0;    ///< steps
  std::uint64_t rollbacks = 0;  ///< each undid what there was of the epoch
};

struct AuditedNode {
  std::string node, stage;
  DeclaredRows declared;
  std::uint32_t epochs = 0;  ///< that were looked at
  int ranks = 1;             ///< most processes that had a part of the rows each
  std::vector<AuditFault> faults;
  std::vector<LeftOutSteps> left_out;
};

struct Audit {
  std::vector<AuditedNode> nodes;
  std::uint32_t epochs = 0;     ///< of this run
  std::uint32_t inherited = 0;  ///< of its parent, whose journal has their accounts
  std::uint32_t planned = 0;    ///< of both
  std::string damage;           ///< what of the journal cannot be read; empty where all can
  std::vector<std::string> changed =
      {};  ///< what of config and data is not what it was, so that other rows are declared now: a sentence each

  /// Nothing is proved of a run without an epoch, unless none was to be trained.
  bool proves_nothing() const { return epochs == 0 && planned > inherited; }
  /// Whether what its nodes come to says anything: the journal is whole, and config and data are those that it was written with.
  bool counts() const { return damage.empty() && changed.empty() && !proves_nothing(); }
  bool has_passed() const;
};

/// `graph` is that which trained; `lines` are those of the run's journal. All epochs that the run has trained are asked for, whether the journal has them
/// or not.
Audit audit_of(const ValidatedGraph& graph, const std::vector<JournalLine>& lines, const TrainedEpochs& trained);

}  // namespace millrace::pipelines
