// What a build without NCCL says when it is asked for sums on GPUs. Its source stands in for nccl_sum.cpp.
#pragma once

namespace millrace::comm {

inline constexpr const char* kBuiltWithoutNccl =
    "GPUs of several processes cannot sum gradients: this build has no NCCL";

}  // namespace millrace::comm
