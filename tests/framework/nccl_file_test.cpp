// What is said of the file of NCCL, on any machine: the files here are stand-ins.
#include "comm/nccl/nccl_file.hpp"
#include "catch.hpp"

#include <millrace/peers.hpp>

using namespace millrace;
using comm::find_nccl;

TEST_CASE("NCCL is found with its path and version, or with the reason why it cannot be used") {
  const comm::NcclFile found = find_nccl(FAKES "/nccl_2_23_4.so");
  CHECK(found.why_not.empty());
  CHECK(found.path == FAKES "/nccl_2_23_4.so");
  CHECK(comm::nccl_version_text(found.version) == "2.23.4");
  const comm::NcclFile old = find_nccl(FAKES "/nccl_2_18_1.so");
  CHECK_THAT(old.why_not, Catch::Matchers::ContainsSubstring("has version 2.18.1, needed is 2.19.0"));
  CHECK_THAT(find_nccl(FAKES "/nccl_mute.so").why_not, Catch::Matchers::ContainsSubstring("does not tell its version"));
  CHECK_THAT(find_nccl("libno-such-nccl.so.2").why_not, Catch::Matchers::ContainsSubstring("libno-such-nccl.so.2"));
}

TEST_CASE("whether GPUs of several processes can sum is told on any machine") {
  const PeersSupport support = nccl_support();
  CHECK_FALSE(support.detail.empty());
  CHECK(support.available == (HAS_NCCL && find_nccl().why_not.empty()));
}
