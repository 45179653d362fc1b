// The table of verbs: parser, help and tests follow it.
#include "command.hpp"

namespace millrace::pipelines {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> kVerbs = {
      {"run", "train what a config describes", Target::config, true, true, run_verb,
       {"pipeline-run configs/mnist_mlp.yaml --set epochs=1 --json"}},
      {"check", "find every error of a config; moves no data", Target::config, true, true, check_verb,
       {"pipeline-run check configs/mnist_mlp.yaml"}},
      {"plan", "shapes and bytes of every edge, model, budgets, memory", Target::config, true, true, plan_verb,
       {"pipeline-run plan configs/mnist_mlp.yaml --set train_batches.batch_size=128"}},
      {"show", "the config after overrides, each value with its origin", Target::config, true, true, show_verb,
       {"pipeline-run show configs/mnist_mlp.yaml --set epochs=1"}},
      {"graph", "the graph as a picture's source text", Target::config, true, false, graph_verb,
       {"pipeline-run graph configs/mnist_mlp.yaml --format mermaid"}},
      {"stages", "the stages there are, or one with ports and parameters", Target::optional_stage, false, true, stages_verb,
       {"pipeline-run stages batcher"}},
      {"devices", "the devices there are, or why not", Target::none, false, true, devices_verb,
       {"pipeline-run devices"}},
      {"fetch", "download a data set and check it", Target::dataset, false, false, fetch_verb,
       {"pipeline-run fetch mnist"}},
  };
  return kVerbs;
}

}  // namespace millrace::pipelines
