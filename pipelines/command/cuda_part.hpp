// Why the CUDA part is there, or is not: what `devices` says of it. Not built is something else than not possible.
#pragma once

#include <string>

namespace millrace::pipelines {

/// What was known when the build was configured.
enum class CudaBuild { off, no_compiler, no_toolkit, possible };

struct CudaFinding {
  CudaBuild configured = CudaBuild::off;
  std::string compiler;    ///< path of the nvcc that was found, or empty
  std::string object;      ///< the CUDA part's file, or empty
  std::string why_no_gpu;  ///< empty where a GPU can be used
  std::string build;       ///< folder of the build that this program runs from; empty for an installed one
};

struct CudaPart {
  std::string state;   ///< "built", "not-built", "not-possible" or "off"
  std::string detail;  ///< what there is or what is missing, and what to do
};

CudaPart cuda_part(const CudaFinding& finding);
/// Of this program on this machine. `why_no_gpu` as in CudaFinding.
CudaFinding cuda_finding(std::string why_no_gpu);

}  // namespace millrace::pipelines
