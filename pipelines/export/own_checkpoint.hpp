// Whose a checkpoint is that somebody names by its file.
#pragma once

#include <string>

namespace millrace::pipelines {

/// Throws Error("checkpoint-foreign", data) where no attempt of the run in `folder` has told of the checkpoint `file`, wherever that lies; it names the run in
/// whose folder it lies. Throws what read_checkpoint_header and read_journal throw.
void require_own_checkpoint(const std::string& folder, const std::string& file);

}  // namespace millrace::pipelines
