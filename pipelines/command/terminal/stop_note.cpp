// Names the nodes at work, because a user who waits wants to know for whom.
#include "stop_note.hpp"

#include "diagnostics/printable_text.hpp"
#include "process/stage_mark.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

namespace millrace::pipelines {
namespace {

std::string names_text(const std::vector<std::string>& nodes) {
  return printable(fmt::format("`{}`", fmt::join(nodes, "`, `")));
}

std::string waits_text(const PendingWork& work) {
  if (work.called.empty() && work.on_device.empty()) return {};
  std::string text = ": waiting for ";
  if (!work.called.empty()) text += names_text(work.called) + " to return";
  if (!work.called.empty() && !work.on_device.empty()) text += ", and for ";
  if (!work.on_device.empty()) text += "the device to finish its work for " + names_text(work.on_device);
  return text;
}

std::string note_text(int signal, const std::string& waits) {
  return fmt::format("stopping on signal {} ({}){}; a second signal ends the process at once\n", signal,
                     sigdescr_np(signal), waits);
}

}  // namespace

std::string stop_note_text(int signal, const PendingWork& work) { return note_text(signal, waits_text(work)); }

std::string early_stop_note_text(int signal) {
  StageCall call;
  if (other_calls(&call, 1) == 0 || call.phase == nullptr) return note_text(signal, "");
  return note_text(signal, fmt::format(": {}, {}, has a second to return", call.place->text, call.phase));
}

}  // namespace millrace::pipelines
