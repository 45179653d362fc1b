// Who could have written a plugin: its code runs with the rights of the user who starts the program.
#pragma once

#include <string>

namespace millrace::pipelines {

/// Nothing when only people one trusts anyway could have put this file or folder there: the user, root, and the owners of this
/// program and of `/`. Looked at are the thing itself, the folder it lies in and all folders above, of the path as it is
/// written and of what it leads to, up to a folder that holds this program too. Throws Error(plugin), with the command that mends it: plugin-writable-by-all,
/// plugin-writable-by-group (the file or its folder; the user's own group and root's are fine), plugin-of-another-user.
/// What is not there is fine: it is told when it is opened.
void require_trusted(const std::string& path);

}  // namespace millrace::pipelines
