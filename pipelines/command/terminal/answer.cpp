// One way out for pages and objects, so that no text of a config or plugin reaches the terminal unseen.
#include "answer.hpp"

#include "diagnostics/printable_text.hpp"
#include "terminal.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {

void answer(std::string_view text) { write_result(printable(text)); }

std::string json_line(const nlohmann::ordered_json& json) {
  return printable_json(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) + "\n";
}

}  // namespace millrace::pipelines
