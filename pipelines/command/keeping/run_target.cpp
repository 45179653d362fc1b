// A run may be named by its folder too, so files are offered beside the names.
#include "run_target.hpp"

#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

std::vector<std::string> words_to_offer(const TypedWords& typed) {
  std::vector<std::string> words = run_names(typed);
  words.emplace_back(kFileCandidates);
  return words;
}

}  // namespace

Target run_target(std::function<void(VerbOptions&, const std::string&)> store, bool takes_several) {
  return {.name = "RUN",
          .usage = takes_several ? "RUN RUN..." : "",
          .help = "A run's folder, its name, or last",
          .example = takes_several ? "last last" : "last",
          .missing = "no run given",
          .takes_several = takes_several,
          .store = std::move(store),
          .candidates = words_to_offer};
}

}  // namespace millrace::pipelines
