// Ring all-reduce: a reduce-scatter that adds each chunk on its way around the ring, then an all-gather of the sums.
#include "rounds.hpp"

namespace millrace::comm {
namespace {

struct Chunk {
  std::size_t first, count;
};

Chunk chunk_of(std::size_t count, int index, int size) {
  const auto n = static_cast<std::size_t>(size), i = static_cast<std::size_t>((index % size + size) % size);
  const std::size_t first = count * i / n;
  return {first, count * (i + 1) / n - first};
}

Round around(int rank, int size) {
  Round round;
  round.to = (rank + 1) % size;
  round.from = (rank + size - 1) % size;
  return round;
}

void sends(Round& round, std::span<float> values, Chunk chunk) {
  round.out = reinterpret_cast<const std::byte*>(values.data() + chunk.first);
  round.out_bytes = chunk.count * sizeof(float);
}

void receives(Round& round, float* place, Chunk chunk) {
  round.in = reinterpret_cast<std::byte*>(place);
  round.in_bytes = chunk.count * sizeof(float);
}

}  // namespace

void end_round(const Round& round) {
  if (round.sum_into == nullptr) return;
  const auto* received = reinterpret_cast<const float*>(round.in);
  for (std::size_t i = 0; i < round.in_bytes / sizeof(float); ++i) round.sum_into[i] += received[i];
}

std::size_t ring_scratch(int size, std::size_t count) { return count / static_cast<std::size_t>(size) + 1; }

std::vector<Round> ring_sum(int rank, int size, std::span<float> values, std::span<float> scratch) {
  std::vector<Round> rounds;
  for (int step = 0; step + 1 < size; ++step) {
    Round round = around(rank, size);
    const Chunk taken = chunk_of(values.size(), rank - step - 1, size);
    sends(round, values, chunk_of(values.size(), rank - step, size));
    receives(round, scratch.data(), taken);
    round.sum_into = values.data() + taken.first;
    rounds.push_back(round);
  }
  for (int step = 0; step + 1 < size; ++step) {
    Round round = around(rank, size);
    const Chunk taken = chunk_of(values.size(), rank - step, size);
    sends(round, values, chunk_of(values.size(), rank + 1 - step, size));
    receives(round, values.data() + taken.first, taken);
    rounds.push_back(round);
  }
  return rounds;
}

std::vector<Round> ring_gather(int rank, int size, std::span<std::byte> all, std::size_t each) {
  std::vector<Round> rounds;
  const auto part = [&](int index) {
    return all.data() + static_cast<std::size_t>((index % size + size) % size) * each;
  };
  for (int step = 0; step + 1 < size; ++step) {
    Round round = around(rank, size);
    round.out = part(rank - step);
    round.in = part(rank - step - 1);
    round.out_bytes = round.in_bytes = each;
    rounds.push_back(round);
  }
  return rounds;
}

}  // namespace millrace::comm
