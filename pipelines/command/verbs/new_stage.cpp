// `pipeline-run new-stage NAME`: a folder with a plugin that builds against the installed Millrace, tests itself and runs.
#include "command/loading/plugin_loading.hpp"
#include "command/new_stage/new_stage_texts.hpp"
#include "command/options/verb.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"

#include <millrace/plugin.h>
#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

struct NewStageOptions : VerbOptions {
  std::string stage;
  std::string kind = "transform";
  bool cuda = false;
};

namespace fs = std::filesystem;

using Values = std::map<std::string, std::string>;

// A stage, a file, a CMake target and, without its underscores, a class: what all four allow.
void require_name(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_'; };
  if (!name.empty() && name.size() <= 64 && std::islower(static_cast<unsigned char>(name[0])) != 0 &&
      std::all_of(name.begin(), name.end(), fits))
    return;
  throw Error(ErrorKind::usage, "bad-name", fmt::format("`{}` is no name for a stage", name),
              "use small letters, digits and `_`, starting with a letter: pipeline-run new-stage random_shift");
}

// CMake's own targets, and what a build file cannot call a target.
void require_free_name(const std::string& name) {
  static const std::set<std::string> kTaken = {"all",           "clean",
                                               "default",       "depend",
                                               "edit_cache",    "help",
                                               "install",       "list_install_components",
                                               "package",       "package_source",
                                               "phony",         "preinstall",
                                               "rebuild_cache", "test"};
  if (!kTaken.contains(name)) return;
  throw Error(ErrorKind::usage, "bad-name", fmt::format("`{}` is a target of every CMake build", name),
              fmt::format("choose another name: pipeline-run new-stage my_{}", name));
}

// A plugin that brings a stage of this name could not be loaded beside the built-in one.
void require_new_name(const std::string& name) {
  StageRegistry registry;
  load_plugins({}, registry);
  if (registry.find(name) == nullptr) return;
  throw Error(ErrorKind::usage, "bad-name", fmt::format("`{}` is a built-in stage", name),
              fmt::format("choose another name: pipeline-run new-stage my_{}", name));
}

// random_shift -> RandomShift.
std::string class_name(const std::string& stage) {
  std::string name;
  bool starts = true;
  for (const char c : stage) {
    if (c != '_') name += starts ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    starts = c == '_';
  }
  return name + "Stage";
}

// The installation this program belongs to.
std::string prefix() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path().string(); }

std::string filled(std::string text, const Values& values) {
  for (const auto& [name, value] : values) {
    const std::string mark = "@" + name + "@";
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  }
  return text;
}

std::string nodes_of(const std::string& kind, const std::string& stage) {
  if (kind == "source") return fmt::format("  {0}_made: {{stage: {0}, with: {{rows: 5}}}}", stage);
  return fmt::format(
      "  points: {{stage: table_source, with: {{columns: {{x: [1, 2, 3, 4]}}}}}}\n  {0}_made: {{stage: {0}, in: "
      "points.x}}",
      stage);
}

void write_file(const fs::path& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  bool written = file >= 0 && write_all(file, text);
  int error = errno;
  if (file >= 0 && close(file) != 0 && written) {
    written = false;
    error = errno;
  }
  if (written) return;
  throw Error(ErrorKind::output, "output-unwritable",
              fmt::format("cannot write `{}`: {}", path.string(), std::generic_category().message(error)),
              "make room, or start from a folder in which you may write");
}

/// Removed again, unless all of it could be written: a half one would be in the way of the next try.
class NewFolder {
 public:
  explicit NewFolder(fs::path path) : path_(std::move(path)) {}
  ~NewFolder() {
    std::error_code failed;
    if (!is_whole_) fs::remove_all(path_, failed);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  fs::path operator/(const std::string& file) const { return path_ / file; }
  void keep() { is_whole_ = true; }

 private:
  fs::path path_;
  bool is_whole_ = false;
};

fs::path made_folder(const std::string& stage) {
  std::error_code error;
  if (fs::create_directory(stage, error)) return stage;
  throw Error(
      ErrorKind::output, error ? "output-unwritable" : "output-exists",
      fmt::format("cannot make the folder `{}`: {}", stage, error ? error.message() : "it is there already"),
      error ? "start from a folder in which you may write" : "choose another name, or another folder to start from");
}

int act_new_stage(const NewStageOptions& options) {
  const std::string& stage = options.stage;
  require_name(stage);
  require_free_name(stage);
  require_new_name(stage);
  const auto& texts = new_stage_texts();
  const Values values{{"stage", stage},
                      {"Class", class_name(stage)},
                      {"kind", options.kind},
                      {"work", options.kind == "source" ? "`produce`" : "`process`"},
                      {"includes", options.cuda ? fmt::format("#include \"{}_kernel.hpp\"\n\n", stage) : ""},
                      {"nodes", nodes_of(options.kind, stage)},
                      {"prefix", prefix()},
                      {"version", MILLRACE_VERSION}};
  const std::string flavor = options.cuda ? "cuda/" : "";
  NewFolder folder(made_folder(stage));
  const auto put = [&](const std::string& file, const std::string& text) {
    write_file(folder / file, filled(text, values));
  };
  for (const char* name : {"CMakeLists.txt", "README.md", "example.yaml"}) put(name, texts.at(flavor + name));
  put(stage + ".cpp", texts.at(flavor + options.kind + ".cpp"));
  put(stage + "_test.cpp", texts.at("stage_test.cpp") + texts.at(flavor + options.kind + "_cases"));
  if (options.cuda)
    for (const char* suffix : {"hpp", "cu"})
      put(fmt::format("{}_kernel.{}", stage, suffix), texts.at(fmt::format("cuda/kernel.{}", suffix)));
  folder.keep();
  answer(
      fmt::format("{0}/ has a {1} stage{3}, its test and a config. Next:\n  cd {0} && cmake -S . -B build "
                  "\"-DCMAKE_PREFIX_PATH={2}\" && cmake --build build && ctest --test-dir build\n",
                  stage, options.kind, prefix(), options.cuda ? " with a kernel" : ""));
  return 0;
}

std::string conflict(const NewStageOptions& options) {
  if (!options.cuda || options.kind == "transform") return {};
  return fmt::format("--cuda writes a transform, not a {}", options.kind);
}

const RegisteredVerb kNewStage({.name = "new-stage",
                                .group = VerbGroup::author,
                                .summary = "a folder with a stage of your own: code, test, config",
                                .target = {.name = "NAME",
                                           .help = "Name of the stage, and of the folder that is made here",
                                           .example = "random_shift",
                                           .missing = "no name given for the stage",
                                           .store = into(&NewStageOptions::stage)},
                                .options = {{.name = "kind",
                                             .kind = ValueKind::choice,
                                             .placeholder = "NAME",
                                             .help = "transform (the default), serial or source",
                                             .example = "serial",
                                             .choices = {"transform", "serial", "source"},
                                             .store = into(&NewStageOptions::kind)},
                                            {.name = "cuda",
                                             .help = "With a kernel for NVIDIA GPUs; a transform only",
                                             .store = into(&NewStageOptions::cuda)}},
                                .examples = {"pipeline-run new-stage random_shift --kind transform",
                                             "pipeline-run new-stage brighten --cuda"},
                                .only_looks = false,
                                .conflict = on_own(conflict)},
                               act_new_stage);

}  // namespace

}  // namespace millrace::pipelines
