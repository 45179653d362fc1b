// Opening the driver and the object: what each missing thing leads to, with shared objects that stand in for them.
#include "device/cuda_backend.hpp"

#include "catch.hpp"
#include "device/cuda_choice.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>

#include <dlfcn.h>

#include <cstdio>
#include <fstream>
#include <string>

using namespace millrace;
using Catch::Matchers::ContainsSubstring;
using millrace::testing::error_of;

namespace {

CudaPlaces places(const std::string& driver, const std::string& object) {
  return {std::string(FAKES) + "/" + driver, object.empty() ? "" : std::string(FAKES) + "/" + object};
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("without a driver nothing else is opened") {
  const CudaInfo info = look_for_cuda(true, places("absent_driver.so", "absent_object.so"));
  CHECK_THAT(info.no_driver, ContainsSubstring("absent_driver.so: cannot open shared object file"));
  CHECK(info.no_object.empty());
}

TEST_CASE("a build without the CUDA part says so") {
  CHECK_THAT(why_no_cuda(look_for_cuda(true, places("fake_driver.so", ""))),
             ContainsSubstring("this build has no CUDA part"));
}

TEST_CASE("an object that does not open, has no entry or belongs to another version is refused") {
  const auto reason = [](const char* object) {
    return look_for_cuda(false, places("fake_driver.so", object)).no_object;
  };
  CHECK_THAT(reason("absent_object.so"), ContainsSubstring("cannot open shared object file"));
  CHECK_THAT(reason("fake_driver.so"), ContainsSubstring("undefined symbol: millrace_cuda_backend"));
  CHECK_THAT(reason("fake_stranger.so"), ContainsSubstring("belongs to Millrace 0.0.1"));
}

TEST_CASE("GPUs are told, chosen and opened") {
  const CudaPlaces both = places("fake_driver.so", "fake_gpu.so");
  const CudaInfo info = look_for_cuda(true, both);
  REQUIRE(info.gpus.size() == 2);
  CHECK(choose_among(info, "auto").id == DeviceId{"cuda", 1});
  CHECK(report_cuda(info)[1].memory_used_bytes == std::size_t{20} << 30);
  CHECK(report_cuda(look_for_cuda(false, both))[1].memory_used_bytes == 0);
  CHECK(open_cuda_device(1, both) != nullptr);
}

TEST_CASE("opening what is not there names the device and the reason") {
  const Error error = error_of([] { open_cuda_device(3, places("absent_driver.so", "fake_gpu.so")); });
  CHECK(error.kind() == ErrorKind::device);
  CHECK_THAT(error.message(), ContainsSubstring("cuda:3") && ContainsSubstring("absent_driver.so"));
}

TEST_CASE("looking a hundred times takes no memory that grows") {
  const CudaPlaces both = places("fake_driver.so", "fake_gpu.so");
  const std::string here = why_no_cuda(look_for_cuda(true));  // of this machine, whatever it is
  const auto look = [&] {
    for (int i = 0; i < 100; ++i) {
      CHECK(look_for_cuda(true, both).gpus.size() == 2);
      CHECK(why_no_cuda(look_for_cuda(true)) == here);
    }
  };
  look();
  const std::size_t before = resident_bytes();
  look();
  if (MILLRACE_IS_SANITIZED) return;  // what a sanitizer notes down about each access grows
  CHECK(resident_bytes() < before + (std::size_t{1} << 20));
}

#ifdef REAL_OBJECT
TEST_CASE("the real object loads here, and without a driver it says so cleanly") {
  // With the driver's check out of the way, so that the runtime itself answers.
  const CudaInfo info = look_for_cuda(true, {std::string(FAKES) + "/fake_driver.so", REAL_OBJECT});
  CHECK(info.no_object.empty());
  CHECK(info.runtime_version >= 12060);
  if (info.gpus.empty())
    CHECK_THAT(info.no_runtime, ContainsSubstring("cudaGetDeviceCount: "));
  else
    CHECK(info.no_runtime.empty());
}
#endif
