// The configuration says what could be built, the file what was, the driver what can run.
#include "cuda_part.hpp"

#include <millrace/device.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

// In a build tree it can be named; an installation does not know where it was built.
std::string build_command(const std::string& build) {
  if (build.empty())
    return "in its build folder: cmake --build . --target millrace_cuda, then install Millrace from there again";
  return fmt::format("cmake --build '{}' --target millrace_cuda", build);
}

std::string configure_command(const std::string& build, const char* option) {
  if (build.empty())
    return fmt::format(
        "in its build folder: cmake .{} && cmake --build . --target pipeline-run, then "
        "install Millrace from there again",
        option);
  return fmt::format("cmake '{0}'{1} && cmake --build '{0}' --target pipeline-run", build, option);
}

std::string build_folder() {
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path().parent_path();
  return fs::exists(folder / "CMakeCache.txt", failed) ? folder.string() : "";
}

}  // namespace

CudaPart cuda_part(const CudaFinding& finding) {
  if (!finding.object.empty())
    return {"built", finding.why_no_gpu.empty()
                         ? finding.object
                         : fmt::format("built, but nothing here to run it: {}", finding.why_no_gpu)};
  switch (finding.configured) {
    case CudaBuild::possible:
      return {"not-built",
              fmt::format("not built, though nvcc was found ({}): {}", finding.compiler, build_command(finding.build))};
    case CudaBuild::no_toolkit:
      return {
          "not-possible",
          fmt::format("not possible: nvcc was found ({}), the static CUDA runtime or cuBLASLt of CUDA 12.6 or newer "
                      "was not; install NVIDIA's CUDA toolkit and {}",
                      finding.compiler, configure_command(finding.build, ""))};
    case CudaBuild::no_compiler:
      return {"not-possible", fmt::format("not possible: no nvcc was found; install NVIDIA's CUDA toolkit, 12.6 or "
                                          "newer, and {}",
                                          configure_command(finding.build, ""))};
    case CudaBuild::off:
      break;
  }
  return {"off", fmt::format("not wanted when this was built (MILLRACE_WITH_CUDA); {}",
                             configure_command(finding.build, " -DMILLRACE_WITH_CUDA=AUTO"))};
}

CudaFinding cuda_finding(std::string why_no_gpu) {
  return {CudaBuild::MILLRACE_CUDA_BUILD, MILLRACE_CUDA_COMPILER, cuda_backend_path(), std::move(why_no_gpu),
          build_folder()};
}

}  // namespace millrace::pipelines
