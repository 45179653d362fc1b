// The plugin's name, version and licence: once in a plugin, in a file of its own.
#include <millrace/registry.hpp>

MILLRACE_PLUGIN("example", "1.0.0", "CC0-1.0");
