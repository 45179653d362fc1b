// Which symbols leave a shared object: everything is hidden except what carries MILLRACE_EXPORT.
#pragma once

#define MILLRACE_EXPORT __attribute__((visibility("default")))
#define MILLRACE_HIDDEN __attribute__((visibility("hidden")))
