// A shared object with a good note and no entry point.
#include <millrace/registry.hpp>

extern "C" __attribute__((used, visibility("default"), section(MILLRACE_NOTE_SECTION)))
const millrace_plugin_note millrace_note = {MILLRACE_PLUGIN_MAGIC,     MILLRACE_PLUGIN_API_VERSION,
                                            MILLRACE_DETAIL_COMPILER,  MILLRACE_DETAIL_STDLIB,
                                            MILLRACE_DETAIL_SANITIZER, "0"};
