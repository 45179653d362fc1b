// Written once, at the start: what a run ran in cannot be asked later.
#include "environment.hpp"

#include "diagnostics/printable_text.hpp"
#include "git_commit.hpp"
#include "run_info_json.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/detail/device_bits.hpp>
#include <millrace/detail/environment.hpp>
#include <millrace/device.hpp>
#include <millrace/random.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <nlohmann/json.hpp>

#include <ctime>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr const char* kOwnVariables = "MILLRACE_";

std::string here() {
  std::error_code failed;
  return fs::current_path(failed).string();
}

void add_machine(Json& object) {
  utsname system{};
  if (::uname(&system) != 0) return;
  object["host"] = system.nodename;
  object["system"] = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
}

void add_versions(Json& object) {
  const BuildInfo build = build_info();
  object.update({{"millrace", build.version},
                 {"compiler", build.compiler},
                 {"flags", build.flags},
                 {"onednn", build.onednn},
                 {"isa", build.isa}});
}

void add_devices(const ValidatedGraph& graph, Json& object) {
  const DeviceReport cpu = report_cpu();
  object["cpu"] = {{"name", cpu.name}, {"cores", cpu.cores}, {"extensions", cpu.extensions}};
  object["device"] = to_string(graph.device.id);
  if (const std::string gpu = device_bits(graph.device.id); !gpu.empty()) object["gpu"] = gpu;
  object.update({{"threads", graph.threads}, {"ranks", graph.ranks.size}});
}

void add_identity(const ValidatedGraph& graph, const RunInfo& info, Json& object) {
  object.update({{"config_hash", graph.config_hash}, {"bits_class", info.bits_class}});
  object["plugins"] = Json::array();
  for (const UsedPlugin& plugin : info.plugins) object["plugins"].push_back(json_of(plugin));
  object["data"] = Json::object();
  for (const DataInfo& source : info.data) {
    Json& data = object["data"][source.node] = json_of(source);
    if (!source.files.empty()) data["paths"] = source.files;
  }
}

void add_order(Json& object) {
  object["row_order"] = {{"listed", kListedOrder}, {"up_to_rows", kMostListedRows}, {"computed", kComputedOrder}};
}

void add_parent(const ParentRun& parent, Json& object) {
  object["parent"] = {{"run", parent.run},
                      {"epoch", parent.at.epoch},
                      {"batch", parent.at.batch},
                      {"is_epoch_complete", parent.at.is_epoch_complete}};
}

void add_git(const std::string& config, Json& object) {
  const GitCommit git = git_commit_of(config == "-" ? "" : fs::path(config).parent_path().string());
  if (git.commit.empty()) return;
  object["git"] = {{"commit", git.commit}};
  if (!git.branch.empty()) object["git"]["branch"] = git.branch;
}

}  // namespace

std::string environment_json(const ValidatedGraph& graph, const RunInfo& info, const RunStart& start) {
  Json object = {{"schema", 1},
                 {"started", time_text(start.time)},
                 {"name", graph.name},
                 {"epochs", graph.epochs},
                 {"config", start.config},
                 {"command", start.command},
                 {"folder", here()}};
  add_machine(object);
  add_versions(object);
  add_devices(graph, object);
  add_identity(graph, info, object);
  add_order(object);
  add_git(start.config, object);
  if (!start.monitor.metric.empty())
    object["monitor"] = {{"metric", start.monitor.metric}, {"mode", start.monitor.is_largest_best ? "max" : "min"}};
  if (!start.seed_numbers.empty()) object["seed_numbers"] = start.seed_numbers;
  if (start.parent) add_parent(*start.parent, object);
  object["variables"] = environment_with(kOwnVariables);
  return printable_json(object.dump(1, ' ', false, Json::error_handler_t::replace)) + "\n";
}

std::string time_text(system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::floor<milliseconds>(time - whole).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(system_clock::to_time_t(whole)), rest);
}

std::optional<system_clock::time_point> parse_time(const std::string& text) {
  std::tm fields{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (rest == nullptr || rest[0] != '.' || std::string_view(rest).size() != 5 || rest[4] != 'Z') return {};
  int fraction = 0;
  for (int i = 1; i < 4; ++i) {
    if (rest[i] < '0' || rest[i] > '9') return {};
    fraction = 10 * fraction + (rest[i] - '0');
  }
  return system_clock::from_time_t(::timegm(&fields)) + milliseconds(fraction);
}

}  // namespace millrace::pipelines
