// Who did it is known from the mark that each thread keeps of the stage call it is in.
#include "exit_note.hpp"

#include "command/terminal/terminal.hpp"
#include "run_json.hpp"

#include <millrace/error.hpp>
#include <millrace/peers.hpp>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

std::string who(const StageCall& call) {
  if (call.place == nullptr) return "a thread that was in no stage's call";
  if (call.phase != nullptr) return fmt::format("{}, {},", call.place->text, call.phase);
  return fmt::format("{}, in epoch {}, packet {},", call.place->text, call.epoch, call.packet);
}

Location location_of(const StageCall& call) {
  Location where;
  if (call.place == nullptr || call.place->file.empty()) return where;
  where.source = std::make_shared<const SourceText>(SourceText{call.place->file, {}, false});
  where.line = call.place->line;
  where.column = call.place->column;
  return where;
}

Diagnostic exits(const StageCall& call, int code) {
  return {{.name = "stage-exits",
           .message =
               who(call) + (code == ExitWatch::kEndsThread ? " ends its thread, which the run needs"
                                                           : fmt::format(" ends the program, with exit code {}", code)),
           .help = "throw millrace::Error instead of calling exit() or pthread_exit(); an isolated stage (`run: "
                   "{isolate: process}`) ends alone"},
          location_of(call)};
}

Diagnostic hangs(const LongCall& hung) {
  return {
      {.kind = ErrorKind::stalled,
       .name = "stage-hung",
       .message =
           fmt::format("{} has not returned for {} s", who(hung.call), static_cast<double>(hung.age.count()) / 1000),
       .help =
           "look for a wait or an endless loop in the stage; `run: {timeout: SECONDS}` of the node gives it longer"},
      location_of(hung.call)};
}

// The process ends anyhow, by whichever code: of what is thrown here nobody could make anything.
void tell(const Diagnostic& told, bool json, int signal = 0) noexcept {
  try {
    Diagnostics found;
    found.add(told);
    write_note(fmt::format("\nerror[{}]: {}\n  = help: {}\n", told.name, told.message, told.help));
    if (json && launched_ranks().rank == 0) write_result(errors_json(found, nullptr, signal));
  } catch (...) {
  }
}

}  // namespace

ExitWatch::Tell exit_teller(bool json) {
  return [json](const StageCall& call, int code) { tell(exits(call, code), json); };
}

CallLimits::Tell hung_teller(bool json) {
  return [json](const LongCall& hung) {
    tell(hangs(hung), json, hung.signal);
    exit_now(hung.signal != 0 ? 128 + hung.signal : static_cast<int>(ErrorKind::stalled));
  };
}

}  // namespace millrace::pipelines
