// What is chosen, and the sentence that says why, from info that no machine here has.
#include "device/cuda_choice.hpp"

#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>

using namespace millrace;
using Catch::Matchers::ContainsSubstring;
using millrace::testing::error_of;

namespace {

constexpr std::size_t kGiB = std::size_t{1} << 30;

CudaInfo machine(std::vector<CudaDeviceInfo> gpus) {
  CudaInfo info;
  info.driver_version = 13010;
  info.runtime_version = 13000;
  info.gpus = std::move(gpus);
  return info;
}
CudaDeviceInfo gpu(std::string name, int major, int minor) {
  return {std::move(name), 80 * kGiB, 60 * kGiB, major, minor, 132, {}};
}

struct Refusal {
  CudaInfo info;
  const char* says;
  const char* in_short = nullptr;  ///< what `auto` says, where that is another text
};

std::vector<Refusal> refusals() {
  CudaInfo driver, object, runtime;
  driver.no_driver = "libcuda.so.1: cannot open shared object file";
  object.no_object = "libcublasLt.so.13: cannot open shared object file";
  runtime.no_runtime = "cudaGetDeviceCount: no CUDA-capable device is detected (cudaErrorNoDevice, 100)";
  return {{driver, "no NVIDIA driver is installed (libcuda.so.1: cannot open", "no GPU found"},
          {object, "the CUDA part cannot be used (libcublasLt.so.13: cannot open"},
          {runtime, "the CUDA runtime does not start (cudaGetDeviceCount: no CUDA-capable device"},
          {machine({}), "the driver shows no GPU", "no GPU found"},
          {machine({gpu("Tesla T4", 7, 5)}), "cuda:0 (Tesla T4) has compute capability 7.5, 8.0 or newer is needed"}};
}

}  // namespace

TEST_CASE("auto falls back to the CPU and says why in a few words where there is no GPU; cuda fails with the reason") {
  for (const Refusal& refusal : refusals()) {
    CAPTURE(refusal.says);
    const DeviceChoice choice = choose_among(refusal.info, "auto");
    CHECK(choice.id == DeviceId{"cpu", 0});
    CHECK_THAT(choice.reason, ContainsSubstring(refusal.in_short != nullptr ? refusal.in_short : refusal.says));
    const Error error = error_of([&] { choose_among(refusal.info, "cuda"); });
    CHECK(error.name() == "device-unavailable");
    CHECK(error.exit_code() == 5);
    CHECK_THAT(error.message(), ContainsSubstring(refusal.says));
    CHECK(report_cuda(refusal.info).front().available == false);
    CHECK_THAT(report_cuda(refusal.info).front().detail,
               ContainsSubstring(refusal.info.gpus.empty() ? refusal.says : "7.5"));
  }
}

TEST_CASE("the first GPU that is new enough is taken, and an index takes that GPU or none") {
  const CudaInfo info = machine({gpu("Tesla T4", 7, 5), gpu("NVIDIA A100", 8, 0), gpu("NVIDIA H200", 9, 0)});
  CHECK(choose_among(info, "auto").id == DeviceId{"cuda", 1});
  CHECK_THAT(choose_among(info, "auto").reason, ContainsSubstring("NVIDIA A100"));
  CHECK(choose_among(info, "cuda").id == DeviceId{"cuda", 1});
  CHECK(choose_among(info, "cuda:2").id == DeviceId{"cuda", 2});
  CHECK_THAT(error_of([&] { choose_among(info, "cuda:0"); }).message(), ContainsSubstring("Tesla T4"));
  CHECK_THAT(error_of([&] { choose_among(info, "cuda:3"); }).message(), ContainsSubstring("the last GPU is cuda:2"));
}

TEST_CASE("each process of a machine takes a GPU of its own, or all of them say why not") {
  const CudaInfo info = machine({gpu("NVIDIA A100", 8, 0), gpu("Tesla T4", 7, 5), gpu("NVIDIA A100", 8, 0)});
  for (const char* wish : {"auto", "cuda"}) {
    CHECK(choose_among(info, wish, {0, 2}).id == DeviceId{"cuda", 0});
    CHECK(choose_among(info, wish, {1, 2}).id == DeviceId{"cuda", 2});
  }
  const std::string too_few = "3 processes of this machine need a GPU each, there are 2";
  for (int rank = 0; rank < 3; ++rank) {
    CHECK(choose_among(info, "auto", {rank, 3}).id == DeviceId{"cpu", 0});
    CHECK_THAT(choose_among(info, "auto", {rank, 3}).reason, ContainsSubstring(too_few));
    CHECK_THAT(error_of([&] { choose_among(info, "cuda", {rank, 3}); }).message(), ContainsSubstring(too_few));
  }
  CHECK_THAT(error_of([&] {
               choose_among(info, "cuda:2", {1, 2});
             }).message(),
             ContainsSubstring("2 processes of this machine cannot share cuda:2"));
  // A launcher may show each process its own GPU, under the number 0.
  // A launcher that does not say how many processes the machine has.
  CHECK_THAT(choose_among(info, "auto", {2, 1}).reason, ContainsSubstring("there are 2"));
  CHECK(error_of([&] { choose_among(info, "cuda", {3, 0}); }).name() == "device-unavailable");
  CHECK(choose_among(machine({gpu("NVIDIA A100", 8, 0)}), "cuda", {3, 4}).id == DeviceId{"cuda", 0});
}

TEST_CASE("a report of a GPU has its memory, capability, versions and peers") {
  CudaInfo info = machine({gpu("NVIDIA H200", 9, 0), gpu("NVIDIA H200", 9, 0)});
  info.gpus[0].peers = {1};
  const DeviceReport report = report_cuda(info).front();
  CHECK(report.available);
  CHECK(report.memory_free_bytes == 60 * kGiB);
  CHECK(report.memory_used_bytes == 20 * kGiB);
  CHECK(report.capability == "9.0");
  CHECK(report.driver == "13.1");
  CHECK(report.runtime == "13.0");
  CHECK_THAT(report.detail, ContainsSubstring("driver 13.1, runtime 13.0, peers: cuda:1"));
  CHECK(report_cuda(info)[1].index == 1);
  CHECK_THAT(report_cuda(info)[1].detail, ContainsSubstring("peers: none"));
}

TEST_CASE("bits of a GPU depend on its type and the runtime, not on its place, its memory or the driver") {
  CudaInfo info = machine({gpu("NVIDIA H200", 9, 0), gpu("NVIDIA A100", 8, 0), gpu("NVIDIA H200", 9, 0)});
  const std::string bits = bits_of_gpu(info, 0);
  CHECK_FALSE(bits.empty());
  CHECK(bits_of_gpu(info, 1) != bits);
  info.gpus[2].free_bytes = info.driver_version = 1;
  CHECK(bits_of_gpu(info, 2) == bits);
  info.runtime_version += 10;
  CHECK(bits_of_gpu(info, 0) != bits);
  CHECK(bits_of_gpu(info, 3).empty());
}

TEST_CASE("the framework finds the object that was built with it, and only that") {
  CHECK(cuda_backend_path() == REAL_OBJECT);  // empty without nvcc
}
