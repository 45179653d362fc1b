// The order of the reasons is the order in which a person would have to repair them.
#include "device/cuda_choice.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace millrace {
namespace {

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

bool is_new_enough(const CudaDeviceInfo& card) { return card.major * 10 + card.minor >= kOldestCapability; }

std::string too_old(const CudaDeviceInfo& card, int index) {
  return fmt::format("cuda:{} ({}) has compute capability {}.{}, {}.{} or newer is needed", index, card.name,
                     card.major, card.minor, kOldestCapability / 10, kOldestCapability % 10);
}

std::vector<int> usable_cards(const CudaFacts& facts) {
  std::vector<int> usable;
  for (std::size_t i = 0; i < facts.cards.size(); ++i)
    if (is_new_enough(facts.cards[i])) usable.push_back(static_cast<int>(i));
  return usable;
}

/// What is wrong before any GPU is looked at.
std::string why_no_cards(const CudaFacts& facts) {
  if (!facts.no_driver.empty()) return fmt::format("no NVIDIA driver is installed ({})", facts.no_driver);
  if (!facts.no_object.empty()) return fmt::format("the CUDA part cannot be used ({})", facts.no_object);
  if (!facts.no_runtime.empty()) return fmt::format("the CUDA runtime does not start ({})", facts.no_runtime);
  return facts.cards.empty() ? "the driver shows no card" : "";
}

bool has_no_gpu(const CudaFacts& facts) {
  return !facts.no_driver.empty() || (facts.no_object.empty() && facts.no_runtime.empty() && facts.cards.empty());
}

std::string why_not_card(const CudaFacts& facts, int index) {
  const auto place = static_cast<std::size_t>(index);
  if (place >= facts.cards.size())
    return fmt::format("there is no cuda:{}, the last card is cuda:{}", index, facts.cards.size() - 1);
  return is_new_enough(facts.cards[place]) ? "" : too_old(facts.cards[place], index);
}

/// N of "cuda:N", -1 for "cuda". The config reader has checked the form.
int index_of(std::string_view wish) {
  int index = -1;
  if (wish.starts_with("cuda:")) std::from_chars(wish.data() + 5, wish.data() + wish.size(), index);
  return index;
}

/// One process, one GPU. A launcher that shows each process a GPU of its own shows one; whether it is the same for all is
/// seen when the processes meet.
int card_of(const std::vector<int>& usable, LocalRank local) {
  return usable.size() == 1 ? usable.front() : usable[static_cast<std::size_t>(local.rank)];
}

/// Why the processes of this machine cannot have a GPU each, or nothing. The answer is the same for all of them.
std::string why_not_each(const CudaFacts& facts, int index, LocalRank local) {
  const int needed = std::max(local.size, local.rank + 1);
  if (needed == 1 || facts.cards.size() == 1) return {};
  if (index >= 0)
    return fmt::format("{} processes of this machine cannot share cuda:{}, each needs a card of its own", needed,
                       index);
  const std::size_t cards = usable_cards(facts).size();
  if (cards >= static_cast<std::size_t>(needed)) return {};
  return fmt::format("{} processes of this machine need a card each, there are {}", needed, cards);
}

std::string card_text(const CudaFacts& facts, const CudaDeviceInfo& card) {
  return fmt::format("compute capability {}.{}, {} multiprocessors, driver {}, runtime {}, peers: {}", card.major,
                     card.minor, card.processors, version_text(facts.driver_version),
                     version_text(facts.runtime_version),
                     card.peers.empty() ? "none" : fmt::format("cuda:{}", fmt::join(card.peers, ", cuda:")));
}

DeviceReport report_card(const CudaFacts& facts, std::size_t index) {
  const CudaDeviceInfo& card = facts.cards[index];
  DeviceReport report;
  report.kind = "cuda";
  report.index = static_cast<int>(index);
  report.available = is_new_enough(card);
  report.name = card.name;
  report.detail = report.available ? card_text(facts, card) : too_old(card, report.index);
  report.cores = card.processors;
  report.memory_bytes = card.memory_bytes;
  report.memory_free_bytes = card.free_bytes;
  report.memory_used_bytes = card.memory_bytes - card.free_bytes;
  report.capability = fmt::format("{}.{}", card.major, card.minor);
  report.driver = version_text(facts.driver_version);
  report.runtime = version_text(facts.runtime_version);
  report.peers = card.peers;
  return report;
}

}  // namespace

std::string why_no_cuda(const CudaFacts& facts, int index) {
  std::string reason = why_no_cards(facts);
  if (reason.empty() && index >= 0) reason = why_not_card(facts, index);
  if (reason.empty() && index < 0 && usable_cards(facts).empty()) reason = too_old(facts.cards.front(), 0);
  return reason.empty() ? reason : "no CUDA device: " + reason;
}

DeviceChoice choose_among(const CudaFacts& facts, std::string_view wish, LocalRank local) {
  const int index = index_of(wish);
  std::string reason = why_no_cuda(facts, index);
  if (reason.empty()) reason = why_not_each(facts, index, local);
  if (reason.empty()) {
    const int chosen = index >= 0 ? index : card_of(usable_cards(facts), local);
    const std::string& name = facts.cards[static_cast<std::size_t>(chosen)].name;
    return {{"cuda", chosen}, wish == "auto" ? name + " is there" : name + ", the config asks for it"};
  }
  // Nobody who has no GPU wants to read why; `devices` says it.
  if (wish == "auto") return {{"cpu", 0}, has_no_gpu(facts) ? "no GPU found" : reason};
  throw Error(ErrorKind::device, "device-unavailable", fmt::format("device `{}` is not available: {}", wish, reason),
              "use `device: cpu`, or `device: auto` to take what is there");
}

std::string bits_of_card(const CudaFacts& facts, int index) {
  if (index < 0 || static_cast<std::size_t>(index) >= facts.cards.size()) return {};
  const CudaDeviceInfo& card = facts.cards[static_cast<std::size_t>(index)];
  return fmt::format("{}, compute capability {}.{}, runtime {}", card.name, card.major, card.minor,
                     version_text(facts.runtime_version));
}

std::vector<DeviceReport> report_cuda(const CudaFacts& facts) {
  std::vector<DeviceReport> reports;
  for (std::size_t i = 0; i < facts.cards.size(); ++i) reports.push_back(report_card(facts, i));
  if (!reports.empty()) return reports;
  DeviceReport none;
  none.kind = "cuda";
  none.detail = why_no_cuda(facts);
  return {none};
}

}  // namespace millrace
