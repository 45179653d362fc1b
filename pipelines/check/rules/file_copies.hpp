// A copy of a file has the rows of the file, whatever it is called.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// Compares files of one graph, each pair once however many nodes read them.
class FileCopies {
 public:
  /// Whether `left` are files, each of which has the content of the one at its place in `right`. Of content that a stage insists
  /// on the digest says it, and no such file is opened; others are compared byte by byte. A file of more than 64 MiB, which would
  /// take too long to compare, and one that cannot be read are no copies.
  bool are_copies(const std::vector<FileRead>& left, const std::vector<FileRead>& right);

 private:
  bool is_copy(const FileRead& left, const FileRead& right);

  std::map<std::pair<std::string, std::string>, bool> compared_;  ///< by the two paths
};

}  // namespace millrace::pipelines
