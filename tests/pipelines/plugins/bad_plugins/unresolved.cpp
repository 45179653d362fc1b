// A plugin that calls what nobody has.
#include <millrace/registry.hpp>

namespace millrace {
void a_function_that_nobody_has();
}

extern "C" MILLRACE_EXPORT void call_it() { millrace::a_function_that_nobody_has(); }

MILLRACE_PLUGIN("unresolved", "0", "Apache-2.0");
