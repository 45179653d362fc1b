// The commit that a folder is at.
#pragma once

#include <string>

namespace millrace::pipelines {

struct GitCommit {
  std::string
      commit;  ///< 40 or 64 hexadecimal digits; empty where the folder is in no work tree of git, or in one without a commit
  std::string branch;  ///< empty where none is checked out
};

/// Read from git's own files; starts no program. Whether files of the folder differ from the commit it does not say.
GitCommit git_commit_of(const std::string& folder);

}  // namespace millrace::pipelines
