// Packets wait in a map by number for each port; those whose number is next are joined across ports.
#include "input_joiner.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

[[noreturn]] void mismatch(const Packet& a, const std::string& port_a, const std::string& port_b, std::string found) {
  throw Error(ErrorKind::run, "join-mismatch",
              fmt::format("packet {} of ports `{}` and `{}`: {}", a.header.seq, port_a, port_b, found),
              "joined inputs must come from one source, and no stage between it and the join may drop or reorder rows");
}

void require_same(const Packet& a, const Packet& b, const std::string& port_a, const std::string& port_b) {
  if (a.header.epoch != b.header.epoch)
    mismatch(a, port_a, port_b, fmt::format("epoch {} beside epoch {}", a.header.epoch, b.header.epoch));
  if (a.ids && a.ids == b.ids) return;
  const auto ids_a = a.sample_ids(), ids_b = b.sample_ids();
  const auto [at_a, at_b] = std::mismatch(ids_a.begin(), ids_a.end(), ids_b.begin(), ids_b.end());
  if (at_a == ids_a.end() && at_b == ids_b.end()) return;
  const auto row = at_a - ids_a.begin();
  if (at_a != ids_a.end() && at_b != ids_b.end())
    mismatch(a, port_a, port_b, fmt::format("row {} is sample {} beside sample {}", row, *at_a, *at_b));
  mismatch(a, port_a, port_b, fmt::format("{} beside {}", counted(ids_a.size(), "row"), counted(ids_b.size(), "row")));
}

}  // namespace

void InputJoiner::add(std::size_t port, Packet packet) {
  const std::uint64_t seq = packet.header.seq;
  waiting_[port].emplace(seq, std::move(packet));
}

bool InputJoiner::is_ready(std::size_t port) const {
  const auto& waiting = waiting_[port];
  return !waiting.empty() && waiting.begin()->first == next_[port];
}

Packet InputJoiner::take(std::size_t port) {
  ++next_[port];
  return std::move(waiting_[port].extract(waiting_[port].begin()).mapped());
}

std::optional<Work> InputJoiner::next() {
  const std::size_t ports = waiting_.size();
  Work work;
  if (mode_ == InputMode::joined) {
    for (std::size_t port = 0; port < ports; ++port)
      if (!is_ready(port)) return std::nullopt;
    work.inputs.reserve(ports);  // before anything is taken, so that nothing is lost when memory is lacking
    for (std::size_t port = 0; port < ports; ++port) work.inputs.push_back(take(port));
    return work;
  }
  for (std::size_t port = 0; port < ports; ++port) {
    if (!is_ready(port) || !order_.may_take(port, waiting_[port].begin()->second.header)) continue;
    work.inputs.resize(ports);
    work.inputs[port] = take(port);
    order_.taken(port, work.inputs[port].header);
    work.port = port;
    return work;
  }
  return std::nullopt;
}

std::vector<Packet> InputJoiner::clear() {
  std::vector<Packet> all;
  for (auto& waiting : waiting_) {
    for (auto& [seq, packet] : waiting) all.push_back(std::move(packet));
    waiting.clear();
  }
  return all;
}

void require_same_samples(const std::vector<Packet>& inputs, const std::vector<std::string>& ports) {
  for (std::size_t i = 1; i < inputs.size(); ++i) require_same(inputs[0], inputs[i], ports[0], ports[i]);
}

}  // namespace millrace::pipelines
