// What is said where a run cannot be kept, or is somebody else's.
#pragma once

#include <millrace/error.hpp>

#include <string>

namespace millrace::pipelines {

/// "cannot DOING `PATH`: REASON" of errno `error` as Error("output-unwritable", output).
Error unwritable_record(const std::string& doing, const std::string& path, int error);

/// Who holds the run `folder`, as Error("run-in-use", output).
Error run_in_use(const std::string& folder);

/// An error of kind output whose help also says how to run without this folder; any other stays as it is.
Error with_ways_out(const Error& error);

}  // namespace millrace::pipelines
