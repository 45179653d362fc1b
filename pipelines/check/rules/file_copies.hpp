// A copy of a file has the rows of the file, whatever it is called.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <vector>

namespace millrace::pipelines {

/// Whether `left` are files, each of which has the content of the one at its place in `right`. Of content that a stage insists
/// on the digest says it, and no such file is opened; of others the first 64 MiB and the size. One that cannot be read is no copy.
bool are_copies(const std::vector<FileRead>& left, const std::vector<FileRead>& right);

}  // namespace millrace::pipelines
