// NCCL on a machine without a GPU: found or not, it must say so as an error of the device. On a machine with one: it
// starts with a single rank, and ends by finish and by abort.
#include "catch.hpp"
#include "comm/nccl_library.hpp"
#include "comm/nccl_sum.hpp"

#include <millrace/error.hpp>

#include <filesystem>

using namespace millrace;

namespace {

bool has_gpu() { return std::filesystem::exists("/dev/nvidiactl"); }

}  // namespace

TEST_CASE("NCCL starts where there is a GPU, and is a device error elsewhere") {
  const auto alone = make_self_communicator();
  if (has_gpu()) {
    comm::NcclSum finished(*alone, std::chrono::seconds(60));
    finished.check();
    finished.finish();
    comm::NcclSum aborted(*alone, std::chrono::seconds(60));
    aborted.abort();
    return;
  }
  try {
    comm::NcclSum sum(*alone, std::chrono::seconds(60));
    FAIL("a sum on a GPU was made without a GPU");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::device);
    CHECK((error.name() == "nccl-failed" || error.name() == "no-nccl"));
  }
}
