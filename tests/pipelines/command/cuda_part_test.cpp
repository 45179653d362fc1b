// Why the CUDA part is missing decides what one has to do, so the three cases must not look alike.
#include "command/cuda_part.hpp"

#include <catch.hpp>

using namespace millrace::pipelines;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("without nvcc the CUDA part is not possible, and the toolkit is what to install") {
  const CudaPart part = cuda_part({CudaBuild::no_compiler, "", "", "no driver", "/b"});
  CHECK(part.state == "not-possible");
  CHECK_THAT(part.detail, ContainsSubstring("no nvcc was found") && ContainsSubstring("CUDA toolkit, 12.6"));
}

TEST_CASE("nvcc without the rest of the toolkit is told as such") {
  const CudaPart part = cuda_part({CudaBuild::no_toolkit, "/cuda/nvcc", "", "no driver", "/b"});
  CHECK(part.state == "not-possible");
  CHECK_THAT(part.detail, ContainsSubstring("/cuda/nvcc") && ContainsSubstring("cuBLASLt"));
}

TEST_CASE("where nvcc was found but nothing was built, the command that builds it is named") {
  const CudaPart part = cuda_part({CudaBuild::possible, "/cuda/nvcc", "", "no driver", "/a build"});
  CHECK(part.state == "not-built");
  CHECK_THAT(part.detail, ContainsSubstring("cmake --build '/a build' --target millrace_cuda"));
  CHECK_THAT(cuda_part({CudaBuild::possible, "/cuda/nvcc", "", "", ""}).detail, ContainsSubstring("install Millrace"));
}

TEST_CASE("a part that was built says what it lacks to run") {
  const CudaPart part = cuda_part({CudaBuild::possible, "/cuda/nvcc", "/b/lib/x.so", "no NVIDIA driver", "/b"});
  CHECK(part.state == "built");
  CHECK_THAT(part.detail, ContainsSubstring("no NVIDIA driver"));
  CHECK(cuda_part({CudaBuild::possible, "/cuda/nvcc", "/b/lib/x.so", "", "/b"}).detail == "/b/lib/x.so");
}

TEST_CASE("a part that was not wanted names the option") {
  const CudaPart part = cuda_part({CudaBuild::off, "", "", "", "/b"});
  CHECK(part.state == "off");
  CHECK_THAT(part.detail, ContainsSubstring("cmake '/b' -DMILLRACE_WITH_CUDA=AUTO"));
}
