// How the process begins and ends, whatever its parent has left open, closed or ignored.
#pragma once

namespace millrace::pipelines {

/// The first thing that `main` does. Descriptors 0 to 2 are open afterward, so that nothing else gets these numbers; reading
/// or writing one that was closed fails as before. A write to a pipe without a reader, or beyond the largest file, is an
/// error of the write, and the end of a child can be waited for. Before any thread exists.
void start_process();

/// Writes out what the standard streams still hold and ends the process at once: no destructor of a static object runs, so that
/// one of a plugin can neither hold up the end nor change its code. The address sanitizer looks for leaks before; under the
/// thread sanitizer it returns, because that one sets its exit code at the usual end.
void end_process(int code);

}  // namespace millrace::pipelines
