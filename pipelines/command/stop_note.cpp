#include "stop_note.hpp"

#include "config/printable_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

namespace millrace::pipelines {
namespace {

std::string names_text(const std::vector<std::string>& nodes) {
  return printable(fmt::format("`{}`", fmt::join(nodes, "`, `")));
}

std::string waits_text(const WorkInHand& work) {
  if (work.called.empty() && work.on_device.empty()) return {};
  std::string text = ": waiting for ";
  if (!work.called.empty()) text += names_text(work.called) + " to return";
  if (!work.called.empty() && !work.on_device.empty()) text += ", and for ";
  if (!work.on_device.empty()) text += "the device to finish its work for " + names_text(work.on_device);
  return text;
}

}  // namespace

std::string stop_note_text(int signal, const WorkInHand& work) {
  return fmt::format("stopping on signal {} ({}){}; a second signal ends the process at once\n", signal,
                     sigdescr_np(signal), waits_text(work));
}

}  // namespace millrace::pipelines
