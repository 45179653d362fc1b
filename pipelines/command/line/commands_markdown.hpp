// The reference of commands as a page of Markdown; docs/commands.md is this page.
#pragma once

#include <string>

namespace millrace::pipelines {

/// Every verb with its own options and examples, by group; then the options that several verbs take.
std::string commands_markdown();

}  // namespace millrace::pipelines
