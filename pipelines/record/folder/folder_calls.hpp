// What a run folder needs of the file system beside files: folders, links, and that their names are on the disk.
#pragma once

#include <string>

namespace millrace::pipelines {

// All throw Error("output-unwritable", output) with path and reason.

/// False, and nothing changes, where the name is taken.
bool make_folder(const std::string& path);
/// An empty file, where there is none.
void make_file(const std::string& path);
/// `path` becomes a symbolic link to `target`, at once, in place of the one that was there. `spare`: a name beside it that nobody else uses.
void set_link(const std::string& target, const std::string& path, const std::string& spare);
/// Brings the names in a folder to the disk.
void sync_names(const std::string& folder);

}  // namespace millrace::pipelines
