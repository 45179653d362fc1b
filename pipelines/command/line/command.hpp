// What the user asked for, and the verbs that do it. One file a verb.
#pragma once

#include "command/terminal/terminal.hpp"
#include "config/spec/overrides.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct CommandOptions {
  std::string target;  ///< the config, the stage's name or the data set; may be empty where that is optional
  std::vector<Override> overrides;  ///< --set, --threads and --device in the order in which they were given
  std::vector<std::string> plugins;
  bool no_plugins = false;    ///< plugins that the config names are refused
  bool strict_paths = false;  ///< so is what lies outside of its folder
  bool json = false, quiet = false, dry_run = false;
  std::uint32_t every = 0;  ///< run: a line for each so many epochs; 0: as progress_line.hpp decides
  bool alone = false;       ///< run: of one process, whatever a launcher says
  bool strict = false;      ///< warnings are errors
  ColorChoice color = ColorChoice::automatic;
  std::string format;                                            ///< graph: "dot" or "mermaid"
  std::vector<std::string> from_addresses;                       ///< fetch: instead of the mirrors
  std::string to_folder;                                         ///< fetch
  std::string kind = "transform";                                ///< new-stage: or "serial" or "source"
  bool cuda = false;                                             ///< new-stage: with a kernel for a GPU
  std::string with;                                              ///< test-stage: parameters, a YAML map
  std::uint64_t seed = 42;                                       ///< test-stage: of the inputs
  std::chrono::milliseconds timeout = std::chrono::seconds(60);  ///< test-stage: for one check
  bool markdown = false;                                         ///< stages: as a page of Markdown
  bool why = false;  ///< stages: where NAME was looked for, and what was refused
};

/// Each returns the exit code. Throws Error for what ends it early.
int run_verb(const CommandOptions&);
int check_verb(const CommandOptions&);
int plan_verb(const CommandOptions&);
int show_verb(const CommandOptions&);
int graph_verb(const CommandOptions&);
int stages_verb(const CommandOptions&);
int schema_verb(const CommandOptions&);
int new_stage_verb(const CommandOptions&);
int test_stage_verb(const CommandOptions&);
int completion_verb(const CommandOptions&);
int devices_verb(const CommandOptions&);
int fetch_verb(const CommandOptions&);

/// What a verb takes; decides which options its --help names and its parser knows.
enum class Target { config, optional_stage, dataset, shell, new_stage, plugin, none };
struct Verb {
  const char* name;
  const char* summary;
  Target target;
  bool takes_overrides, takes_json;
  int (*act)(const CommandOptions&);
  std::vector<const char*> examples;  ///< work as written from every folder; the tests run them
};

/// `run` comes first; it is what `pipeline-run CONFIG` does.
const std::vector<Verb>& verbs();

}  // namespace millrace::pipelines
