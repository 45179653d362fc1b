// NCCL, opened when it is wanted: 200 MB that most runs do not need.
#pragma once

#include <nccl.h>

#include <string>

namespace millrace::comm {

/// The functions of libnccl.so.2 that we call.
struct NcclLibrary {
  decltype(&::ncclGetUniqueId) get_unique_id;
  decltype(&::ncclCommInitRankConfig) init_rank;
  decltype(&::ncclCommGetAsyncError) get_async_error;
  decltype(&::ncclAllReduce) all_reduce;
  decltype(&::ncclCommFinalize) finalize;
  decltype(&::ncclCommDestroy) destroy;
  decltype(&::ncclCommAbort) abort;
  decltype(&::ncclGetErrorString) error_string;
};

/// Opens it once. Throws Error("no-nccl", device) where it is missing or older than 2.19.
const NcclLibrary& nccl_library();

}  // namespace millrace::comm
