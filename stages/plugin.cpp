// The built-in stages are a plugin like any other.
#include <millrace/registry.hpp>

MILLRACE_PLUGIN("millrace", "0.1.0", "Apache-2.0");
