// What the kernel that gathers rows does, done here on the host's memory.
#include "cuda/kernels/row_gather.hpp"

#include "catch.hpp"

#include <cstring>
#include <vector>

using namespace millrace;
using namespace millrace::cuda;

namespace {

void run(const std::vector<GatherRows>& launches) {
  for (const GatherRows& launch : launches)
    for (std::int64_t job = 0; job < launch.count; ++job)
      for (std::int64_t i = 0; i < launch.jobs[job].units; ++i) launch(job, i);
}

std::vector<std::byte> counting(std::size_t bytes) {
  std::vector<std::byte> values(bytes);
  for (std::size_t i = 0; i < bytes; ++i) values[i] = static_cast<std::byte>(i * 31 + i / 251);
  return values;
}

}  // namespace

TEST_CASE("rows of any size at any address are gathered as the host gathers them") {
  const std::vector<std::uint32_t> rows{6, 0, 6, 3, 1};
  for (const std::size_t row_bytes : {1U, 3U, 4U, 12U, 16U, 48U, 784U})
    for (const std::size_t shift : {0U, 1U, 4U, 16U}) {
      CAPTURE(row_bytes, shift);
      const std::vector<std::byte> table = counting(7 * row_bytes + shift);
      std::vector<std::byte> to(rows.size() * row_bytes + shift), expected = to;
      const RowGather gather{to.data() + shift, table.data() + shift, 7, row_bytes, rows.data(), 5};
      RowGather on_host = gather;
      on_host.to = expected.data() + shift;
      gather_on_host(on_host);
      const std::vector<GatherRows> launches = gather_launches(std::vector{gather});
      REQUIRE(launches.size() == 1);
      run(launches);
      CHECK(to == expected);
    }
}

TEST_CASE("pixels move in units of 16 bytes, class ids byte by byte") {
  alignas(16) std::byte memory[1600];
  const std::uint32_t row = 0;
  const auto unit_of = [&](std::size_t bytes, std::size_t shift) {
    return gather_launches(std::vector{RowGather{memory + shift, memory, 1, bytes, &row, 1}})[0].jobs[0].unit_bytes;
  };
  CHECK(unit_of(784, 0) == 16);
  CHECK(unit_of(784, 4) == 4);
  CHECK(unit_of(10, 0) == 1);
  CHECK(unit_of(1, 0) == 1);
}

TEST_CASE("many gathers share a launch, and empty ones take no place in it") {
  const std::vector<std::byte> table = counting(4 * 8);
  const std::uint32_t rows[] = {3, 2, 1, 0};
  std::vector<std::byte> to(130 * 8);
  std::vector<RowGather> gathers;
  for (std::size_t i = 0; i < 130; ++i) {
    gathers.push_back({to.data() + i * 8, table.data(), 4, 8, rows + i % 4, 1});
    gathers.push_back({to.data(), table.data(), 4, 8, rows, 0});
  }
  const std::vector<GatherRows> launches = gather_launches(gathers);
  CHECK(launches.size() == 3);
  static_assert(sizeof(GatherRows) <= 4096);
  run(launches);
  for (std::size_t i = 0; i < 130; ++i) CHECK(std::memcmp(to.data() + i * 8, table.data() + rows[i % 4] * 8, 8) == 0);
  CHECK(gather_launches({}).empty());
}
