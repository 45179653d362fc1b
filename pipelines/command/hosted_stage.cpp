#include "hosted_stage.hpp"

#include "isolation/protocol.hpp"
#include "isolation/stage_host.hpp"
#include "plugins/plugin_entry.hpp"
#include "stop_signals.hpp"

#include <charconv>

namespace millrace::pipelines {

std::optional<int> serve_hosted_stage(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2 || arguments[0] != kStageHostArgument) return std::nullopt;
  block_stop_signals();  // its run decides when it ends
  long parent = 0;
  std::from_chars(arguments[1].data(), arguments[1].data() + arguments[1].size(), parent);
  return serve_stage(parent, enter_plugin);  // which the run has checked already
}

}  // namespace millrace::pipelines
