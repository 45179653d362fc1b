// All verbs for programs: tests and checks of documents take them from here.
#pragma once

#include <string>

namespace millrace::pipelines {

/// {"schema": 1, "verbs": [...]}, one line. A verb has `name`, `group`, `summary`, `usage`, `only_looks`, `examples`, `options` and
/// perhaps a `target`; an option `name`, `kind`, `help` and, where it has them, `letter`, `value`, `choices`, `example`.
std::string commands_json();

}  // namespace millrace::pipelines
