// The two options, once for each verb that uses a model.
#include "model_options.hpp"

#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace millrace::pipelines {

Option checkpoint_option(std::function<void(VerbOptions&, const std::string&)> store) {
  return {.name = "checkpoint",
          .kind = ValueKind::file,
          .placeholder = "FILE",
          .help = "last (what the run ended with), best (keep.monitor, else val_loss), or FILE",
          .example = "best",
          .choices = {kLastCheckpoint, kBestCheckpoint},
          .store = std::move(store)};
}

Option model_option(std::function<void(VerbOptions&, const std::string&)> store) {
  return {.name = "model",
          .kind = ValueKind::text,
          .placeholder = "NODE",
          .help = "The trainer whose model it is, where the run has several",
          .example = "learn",
          .store = std::move(store)};
}

std::string placed_checkpoint(const std::string& word) {
  return word == kLastCheckpoint || word == kBestCheckpoint ? word : std::filesystem::absolute(word).string();
}

void tell_refused(const KeptModel& kept) {
  for (const std::string& refused : kept.refused) write_note(fmt::format("not used: {}\n", printable_line(refused)));
}

}  // namespace millrace::pipelines
