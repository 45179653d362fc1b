// `pipeline-run fetch DATASET`: each file from the first mirror that has it right, under its name only when it is right.
#include "command/download.hpp"
#include "command/fetched_file.hpp"
#include "command/options/verb.hpp"
#include "command/terminal/answer.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "process/stop_signals.hpp"

#include <millrace/dataset.hpp>
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

struct FetchOptions : VerbOptions {
  std::string dataset;
  std::vector<std::string> from_addresses;  ///< instead of the mirrors
  std::string to_folder;
  bool quiet = false;
};

constexpr std::uint64_t kGzipOverhead = 1U << 20U;  // a file that gzip cannot shrink grows by far less

const DatasetInfo& dataset_or_fail(const std::string& name) {
  if (const DatasetInfo* info = find_dataset(name)) return *info;
  throw Error(ErrorKind::usage, "unknown-dataset", fmt::format("there is no data set `{}`", name),
              did_you_mean(name, dataset_names(), "known"));
}

std::string without_slash(std::string address) {
  while (address.ends_with('/')) address.pop_back();
  return address;
}

std::string manual_help(const DatasetInfo& info, const std::string& folder, bool is_own_folder) {
  std::string help =
      fmt::format("put these files into {}, raw or as .gz, and check them with `pipeline-run fetch {}{}`:", folder,
                  info.name, is_own_folder ? "" : " --to " + folder);
  for (const DatasetFile& file : info.files)
    help += fmt::format("\n     {}.gz  sha256 of the unpacked content {}", file.stem, file.sha256);
  if (!info.debian_package.empty()) help += fmt::format("\n     or: apt install {}", info.debian_package);
  return help;
}

class Fetch {
 public:
  Fetch(const FetchOptions& options, const DatasetInfo& info, const std::atomic<int>& stop)
      : options_(options),
        info_(info),
        stop_(stop),
        folder_(options.to_folder.empty() ? dataset_cache_folder(info) : options.to_folder) {
    bases_ = options.from_addresses.empty() ? info.mirrors : options.from_addresses;
  }

  int act();

 private:
  bool is_present(const DatasetFile& file);
  void get(const DatasetFile& file);
  std::string try_address(const std::string& address, const DatasetFile& file) const;
  bool is_looked_into() const;
  void say(const std::string& text) const {
    if (!options_.quiet) write_note(printable(text) + "\n");
  }

  const FetchOptions& options_;
  const DatasetInfo& info_;
  const std::atomic<int>& stop_;
  std::string folder_;
  std::vector<std::string> bases_;
  std::vector<std::string> failures_;
};

// Whether a right copy is where a run would find it.
bool Fetch::is_present(const DatasetFile& file) {
  std::string path = options_.to_folder.empty() ? locate_dataset_file(info_, file) : std::string();
  if (!options_.to_folder.empty())
    for (const char* ending : {"", ".gz"})
      if (std::error_code hidden; path.empty() && fs::exists(fs::path(folder_) / (file.stem + ending), hidden))
        path = (fs::path(folder_) / (file.stem + ending)).string();
  if (path.empty()) return false;
  const std::string wrong = content_problem(path, file);
  if (wrong.empty()) {
    say(fmt::format("{}: already there and right", path));
    return true;
  }
  // Only the file that we would write ourselves is ours to replace; another would go on hiding the right one.
  if (fs::path(path) != fs::path(folder_) / (file.stem + ".gz"))
    throw Error(ErrorKind::data, "dataset-file-wrong", fmt::format("`{}` is there, but {}", path, wrong),
                "remove it, then fetch again");
  say(fmt::format("{}: there, but {}; fetching it anew", path, wrong));
  return false;
}

std::string Fetch::try_address(const std::string& address, const DatasetFile& file) const {
  FetchedFile fetched(folder_, file.stem + ".gz");
  const Download got = download(address, fetched.descriptor(), file.bytes + kGzipOverhead, stop_);
  if (got.write_error != 0) fetched.fail("write a file in", got.write_error);
  std::string problem = got.problem;
  if (problem.empty()) problem = content_problem(fetched.path(), file);
  if (problem.empty()) fetched.publish();
  return problem;
}

void Fetch::get(const DatasetFile& file) {
  std::vector<std::string> reasons;
  for (const std::string& base : bases_) {
    const std::string address = fmt::format("{}/{}.gz", without_slash(base), file.stem);
    say("fetching " + address);
    const std::string problem = try_address(address, file);
    if (problem.empty()) return;
    if (stop_ != 0) return;
    say("  failed: " + problem);
    if (options_.quiet) reasons.push_back(fmt::format("{}: {}", address, problem));  // else it has just been said
  }
  Error error(ErrorKind::data, "fetch-failed", fmt::format("no mirror gave a right `{}.gz`", file.stem),
              manual_help(info_, folder_, options_.to_folder.empty()));
  for (std::string& reason : reasons) error.add_note(std::move(reason));
  throw error;
}

int Fetch::act() {
  bool all_present = true;
  for (const DatasetFile& file : info_.files) {
    if (stop_ == 0 && is_present(file)) continue;
    all_present = false;
    if (stop_ == 0 && !can_download()) {
      std::string addresses;
      for (const std::string& base : bases_)
        addresses += fmt::format("{}{}/", addresses.empty() ? "" : ", ", without_slash(base));
      throw Error(ErrorKind::data, "fetch-impossible",
                  fmt::format("this pipeline-run was built without libcurl; the files are at {}", addresses),
                  manual_help(info_, folder_, options_.to_folder.empty()));
    }
    if (stop_ == 0) get(file);
    if (stop_ != 0) return 128 + stop_;
  }
  if (!options_.quiet)
    answer(all_present ? fmt::format("{}: all {} files were there already\n", info_.name, info_.files.size())
                       : fmt::format("{}: {} files in {}\n", info_.name, info_.files.size(), folder_));
  if (!is_looked_into())
    say(fmt::format("a config that says `dataset: {}` does not look there: name the files with `images:` and `labels:`",
                    info_.name));
  return 0;
}

/// Whether a run finds a data set by name in the folder.
bool Fetch::is_looked_into() const {
  if (options_.to_folder.empty()) return true;  // its own folder need not be there when another one has the files
  const std::vector<std::string> folders = dataset_folders(info_);
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    std::error_code failed;
    return fs::equivalent(folder, folder_, failed);
  });
}

int act_fetch(const FetchOptions& options) {
  const DatasetInfo& info = dataset_or_fail(options.dataset);
  const StopSignals signals;
  return Fetch(options, info, signals.first()).act();
}

const RegisteredVerb kFetch(
    {.name = "fetch",
     .group = VerbGroup::catalog,
     .summary = "download a data set and check it",
     .target = {.name = "DATASET",
                .help = "mnist or fashion_mnist",
                .example = "mnist",
                .missing = "no data set given",
                .store = into(&FetchOptions::dataset),
                .candidates = [](const TypedWords&) { return dataset_names(); }},
     .options = {{.name = "from",
                  .kind = ValueKind::text,
                  .placeholder = "URL",
                  .help = "Base address instead of the mirrors (repeatable, tried in order)",
                  .example = "https://example.org/mnist",
                  .store = into(&FetchOptions::from_addresses)},
                 {.name = "to",
                  .kind = ValueKind::file,
                  .placeholder = "DIR",
                  .help = "Folder to put the files into",
                  .example = "data",
                  .store = into(&FetchOptions::to_folder)},
                 {.name = "quiet", .letter = "q", .help = "Errors only", .store = into(&FetchOptions::quiet)}},
     .examples = {"pipeline-run fetch mnist"},
     .only_looks = false},
    act_fetch);

}  // namespace

}  // namespace millrace::pipelines
