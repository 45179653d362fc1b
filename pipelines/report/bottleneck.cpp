// The node that works for the longest is what a faster machine or a cheaper stage would have to improve.
#include "bottleneck.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr double kWorthTelling = 0.25;
constexpr double kMostly = 0.5;  // below it no node is what the run waits for

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

/// Which nodes feed `limit`, directly or not; or are fed by it.
std::vector<bool> related_to(const RunRecord& record, std::size_t limit, bool behind) {
  std::vector<bool> related(record.nodes.size(), false);
  related[limit] = true;
  for (std::size_t i = limit + 1; behind && i < record.nodes.size(); ++i)
    for (const std::size_t input : record.nodes[i].inputs) related[i] = related[i] || related[input];
  for (std::size_t i = limit + 1; !behind && i-- > 0;)
    for (const std::size_t input : record.nodes[i].inputs) related[input] = related[input] || related[i];
  related[limit] = false;
  return related;
}

/// The one of `nodes` with the largest share, if that is worth telling; else record.nodes.size().
std::size_t largest_of(const std::vector<NodeShare>& shares, const std::vector<bool>& nodes, double NodeShare::*share) {
  std::size_t largest = shares.size();
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (nodes[i] && shares[i].*share > (largest == shares.size() ? kWorthTelling : shares[largest].*share)) largest = i;
  return largest;
}

// What waits for the bottleneck: those before it are blocked, those behind it are starved.
std::string waiting_text(const RunRecord& record, const std::vector<NodeShare>& shares, std::size_t limit) {
  const std::size_t blocked = largest_of(shares, related_to(record, limit, false), &NodeShare::blocked);
  const std::size_t starved = largest_of(shares, related_to(record, limit, true), &NodeShare::starved);
  std::string text;
  if (blocked != shares.size())
    text +=
        fmt::format(" {} before it is held up for {}.", record.nodes[blocked].name, percent(shares[blocked].blocked));
  if (starved != shares.size())
    text += fmt::format(" {} behind it has nothing to do for {}.", record.nodes[starved].name,
                        percent(shares[starved].starved));
  return text;
}

}  // namespace

std::vector<NodeShare> shares_of(const RunRecord& record) {
  std::vector<NodeShare> shares(record.nodes.size());
  if (!record.seconds || !(*record.seconds > 0)) return shares;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const NodeTimes& node = record.nodes[i];
    shares[i] = {node.busy / *record.seconds, node.starved / *record.seconds, node.blocked / *record.seconds};
  }
  return shares;
}

std::size_t bottleneck_of(const RunRecord& record) {
  const auto busiest = std::max_element(record.nodes.begin(), record.nodes.end(),
                                        [](const NodeTimes& a, const NodeTimes& b) { return a.busy < b.busy; });
  if (busiest == record.nodes.end() || !(busiest->busy > 0)) return record.nodes.size();
  return static_cast<std::size_t>(busiest - record.nodes.begin());
}

std::string bottleneck_text(const RunRecord& record) {
  const std::size_t limit = bottleneck_of(record);
  const std::vector<NodeShare> shares = shares_of(record);
  if (limit == record.nodes.size() || !(shares[limit].busy > 0)) return {};
  const NodeTimes& node = record.nodes[limit];
  const std::string who = fmt::format("{} ({})", node.name, node.stage), busy = percent(shares[limit].busy);
  if (shares[limit].busy >= kMostly)
    return fmt::format("{} limits the run: it works {} of the time.{}", who, busy, waiting_text(record, shares, limit));
  return fmt::format(
      "No node limits the run: {} works {} of the time, and no other more. The rest goes to starting, to passing "
      "packets on and to ends of epochs.",
      who, busy);
}

}  // namespace millrace::pipelines
