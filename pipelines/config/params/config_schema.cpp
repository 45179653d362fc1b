// Constant tables, made at their first use: the top-level keys and those of a node's `run`, with type, range and default.
#include "config_schema.hpp"

#include <millrace/registry.hpp>

#include <algorithm>

namespace millrace::pipelines {
namespace {

ParamType integer_between(double lo, double hi) { return ParamType::integer().at_least(lo).at_most(hi); }

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

ParamType keep_type() {
  return ParamType::any_of(
      {ParamType::boolean(),
       ParamType::record(
           {Param("every_steps", integer_between(1, 1e12), "A checkpoint each so many batches, beside those of epochs.")
                .optional(),
            Param("every_seconds", ParamType::number().above(0), "A checkpoint each so many seconds.")
                .optional()
                .in_unit("seconds"),
            Param("last", integer_between(1, 1'000'000), "Checkpoints that stay.").or_default(2),
            Param(
                "monitor", ParamType::text(),
                "The metric by which an epoch is the best, whose checkpoint stays too; a validation loss unless said.")
                .optional(),
            Param("mode", ParamType::choice({"min", "max"}),
                  "Which value of it is the best; max for an accuracy, else min.")
                .optional(),
            Param("tensorboard", ParamType::boolean(), "Events for TensorBoard too, one an epoch.").or_default(false),
            Param("on_failed_save", ParamType::choice({"warn", "stop"}),
                  "What a checkpoint that cannot be written does: it is warned of, or the run stops.")
                .or_default("warn")})});
}

}  // namespace

const std::vector<Param>& top_level_params() {
  static const std::vector<Param> params{
      Param("version", integer_between(1, 1), "Version of the config's grammar."),
      Param("name", ParamType::text(), "Name of the run; the file's name when absent.").optional(),
      Param("seed", ParamType::integer().at_least(0), "What all randomness is drawn from.").or_default(0),
      Param("device", ParamType::text(), "Where to train: auto, cpu, cuda or cuda:N.").or_default("auto"),
      Param("threads", ParamType::any_of({ParamType::choice({"auto"}), integer_between(1, 1024)}),
            "Threads of the run, at most one a core, or 8 if that is more; auto is one a core.")
          .or_default("auto"),
      Param("epochs", integer_between(0, 1'000'000), "Passes over the data; 0 evaluates the initial weights.")
          .or_default(1),
      Param("epochs_ahead", integer_between(0, 1), "Epochs that sources may be ahead of the evaluation.").or_default(1),
      Param("keep", keep_type(), "Whether the run is kept in a folder of its own; or which checkpoints are.")
          .or_default(true),
      Param("plugins", ParamType::list(ParamType::text()), "Shared objects with further stages.")
          .or_default(ParamValue::List{}),
  };
  return params;
}

const std::vector<std::string>& top_level_keys() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> all;
    for (const Param& p : top_level_params()) all.push_back(p.name);
    all.insert(all.end(), {"extends", "chains", "graph"});
    return all;
  }();
  return keys;
}

bool is_budget(std::string_view run_param) { return run_param == "blocks" || run_param == "bytes"; }

const std::vector<Param>& run_params() {
  static const std::vector<Param> params{
      Param("blocks", integer_between(1, 1'000'000), "Blocks of this source that may be alive at once.").or_default(8),
      Param("bytes", ParamType::integer().at_least(1), "Bytes of this source that may be alive at once.")
          .optional()
          .in_unit("bytes"),
      Param("isolate", ParamType::choice({"none", "process"}),
            "Where the stage runs: in this process, or in one of its own, whose crash or hang is an error of the node.")
          .or_default("none"),
      Param("timeout", ParamType::number().above(0).at_most(1e6),
            "The longest that one call of the stage may take; 300 unless the stage works on a device or talks to other "
            "processes, and then without end.")
          .optional()
          .in_unit("seconds"),
  };
  return params;
}

const Param& node_seed_param() {
  static const Param param =
      Param("seed", ParamType::integer().at_least(0), "What this node draws from instead of the run's seed.")
          .optional();
  return param;
}

const Param& node_role_param() {
  static const Param param = Param("role", ParamType::choice({"train", "validation", "test"}),
                                   "What the rows of this source are for; test rows are for `pipeline-run test` alone, "
                                   "and no training sees them.")
                                 .optional();
  return param;
}

bool is_top_level_key(std::string_view key) { return contains(top_level_keys(), key); }
bool is_node_key(std::string_view key) { return contains(node_keys(), key); }
bool is_free_key(std::string_view key) { return key.starts_with("x-"); }

}  // namespace millrace::pipelines
