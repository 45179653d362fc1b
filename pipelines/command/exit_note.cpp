#include "exit_note.hpp"

#include "run_json.hpp"
#include "terminal.hpp"

#include <millrace/error.hpp>
#include <millrace/peers.hpp>

#include <fmt/format.h>
#include <unistd.h>

namespace millrace::pipelines {
namespace {

std::string who(const StageCall& call) {
  if (call.place == nullptr) return "a thread that was in no stage's call";
  if (call.phase != nullptr) return fmt::format("{}, {},", call.place->text, call.phase);
  return fmt::format("{}, in epoch {}, packet {},", call.place->text, call.epoch, call.packet);
}

Diagnostic diagnostic_of(const StageCall& call, int code) {
  Diagnostic found;
  found.kind = ErrorKind::run;
  found.name = "stage-exits";
  found.message = fmt::format("{} ends the program, with exit code {}", who(call), code);
  found.help =
      "throw millrace::Error instead of calling exit(); an isolated stage (`run: {isolate: process}`) ends alone";
  if (call.place == nullptr || call.place->file.empty()) return found;
  found.where.source = std::make_shared<const SourceText>(SourceText{call.place->file, {}, false});
  found.where.line = call.place->line;
  found.where.column = call.place->column;
  return found;
}

}  // namespace

ExitWatch::Tell exit_teller(bool json) {
  return [json](const StageCall& call, int code) {
    try {
      Diagnostics found;
      const Diagnostic told = diagnostic_of(call, code);
      found.add(told);
      write_note(fmt::format("\nerror[{}]: {}\n  = help: {}\n", told.name, told.message, told.help));
      if (json && launched_ranks().rank == 0) write_result(errors_json(found));
    } catch (...) {  // the process ends anyhow
    }
  };
}

}  // namespace millrace::pipelines
