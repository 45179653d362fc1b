// A table of the known data sets, and a search in order: MILLRACE_DATA_DIR, the user's cache, torchvision's folder, Debian's package.
#include <millrace/dataset.hpp>
#include <millrace/detail/environment.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

namespace millrace {
namespace {

constexpr std::string_view kTrainImages = "train-images-idx3-ubyte", kTrainLabels = "train-labels-idx1-ubyte";
constexpr std::string_view kTestImages = "t10k-images-idx3-ubyte", kTestLabels = "t10k-labels-idx1-ubyte";

struct Hashes {
  const char *train_images, *train_labels, *test_images, *test_labels;
};

// MNIST and its drop-in replacements have the same files, shapes and counts; only the content tells them apart.
std::vector<DatasetFile> mnist_like_files(const Hashes& hashes) {
  constexpr std::int64_t kTrainRows = 60000, kTestRows = 10000;
  const auto file = [](const char* split, const char* role, std::string_view stem, std::int64_t rows,
                       const char* hash) {
    const std::uint64_t bytes = role == std::string_view("images") ? 16 + static_cast<std::uint64_t>(rows) * 784
                                                                   : 8 + static_cast<std::uint64_t>(rows);
    return DatasetFile{split, role, std::string(stem), bytes, hash, rows};
  };
  return {file("train", "images", kTrainImages, kTrainRows, hashes.train_images),
          file("train", "labels", kTrainLabels, kTrainRows, hashes.train_labels),
          file("test", "images", kTestImages, kTestRows, hashes.test_images),
          file("test", "labels", kTestLabels, kTestRows, hashes.test_labels)};
}

DatasetInfo mnist() {
  DatasetInfo info;
  info.name = "mnist";
  info.title = "MNIST handwritten digits";
  info.license = "CC BY-SA 3.0";
  info.image_shape = {28, 28};
  info.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  info.files = mnist_like_files({"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                                 "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                                 "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                                 "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"});
  info.mirrors = {"https://storage.googleapis.com/cvdf-datasets/mnist",
                  "https://ossci-datasets.s3.amazonaws.com/mnist"};
  return info;
}

DatasetInfo fashion_mnist() {
  DatasetInfo info;
  info.name = "fashion_mnist";
  info.title = "Fashion-MNIST articles of clothing";
  info.license = "MIT";
  info.image_shape = {28, 28};
  info.class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                      "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  info.files = mnist_like_files({"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                                 "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                                 "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                                 "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"});
  info.mirrors = {"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
                  "https://storage.googleapis.com/tensorflow/tf-keras-datasets"};
  info.debian_package = "dataset-fashion-mnist";
  return info;
}

const std::array<DatasetInfo, 2>& datasets() {
  static const std::array<DatasetInfo, 2> all{mnist(), fashion_mnist()};
  return all;
}

std::string cache_home() {
  // An empty variable counts as unset, as the XDG specification wants it.
  if (std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return cache;
  const std::string home = environment("HOME");
  return (home.empty() ? std::string(".") : home) + "/.cache";
}

std::string own_cache_folder(const DatasetInfo& info) { return cache_home() + "/millrace/datasets/" + info.name; }

// torchvision names the folder after its class; `root` is what its users give as `root=`.
std::string torchvision_folder(const std::string& root, const DatasetInfo& info) {
  return root + "/" + (info.name == "mnist" ? "MNIST" : "FashionMNIST") + "/raw";
}

std::string debian_folder(const DatasetInfo& info) {
  constexpr std::string_view kPrefix = "dataset-";
  return "/usr/share/datasets/" + info.debian_package.substr(kPrefix.size());
}

// "train-images-idx3-ubyte" is also met as "train-images.idx3-ubyte".
std::vector<std::string> file_names(const DatasetFile& file) {
  std::string dotted = file.stem;
  dotted[dotted.find("-idx")] = '.';
  return {file.stem, file.stem + ".gz", dotted, dotted + ".gz"};
}

}  // namespace

const DatasetInfo* find_dataset(std::string_view name) {
  for (const DatasetInfo& info : datasets())
    if (info.name == name) return &info;
  return nullptr;
}

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const DatasetInfo& info : datasets()) names.push_back(info.name);
  return names;
}

std::string dataset_cache_folder(const DatasetInfo& info) {
  const std::string own = environment("MILLRACE_DATA_DIR");
  return own.empty() ? own_cache_folder(info) : own + "/" + info.name;
}

std::vector<std::string> dataset_folders(const DatasetInfo& info) {
  std::vector<std::string> folders;
  if (const std::string own = environment("MILLRACE_DATA_DIR"); !own.empty()) {
    folders.push_back(dataset_cache_folder(info));
    folders.push_back(torchvision_folder(own, info));
  }
  folders.push_back(own_cache_folder(info));
  folders.push_back(torchvision_folder("data", info));
  if (!info.debian_package.empty()) folders.push_back(debian_folder(info));
  return folders;
}

std::string locate_dataset_file(const DatasetInfo& info, const DatasetFile& file) {
  for (const std::string& folder : dataset_folders(info))
    for (const std::string& name : file_names(file)) {
      std::error_code ignored;  // a folder that cannot be looked into holds nothing for us
      std::string path = folder + "/" + name;
      if (std::filesystem::is_regular_file(path, ignored)) return path;
    }
  return {};
}

namespace {

bool is_there(const DatasetInfo& info) {
  return std::all_of(info.files.begin(), info.files.end(),
                     [&](const DatasetFile& file) { return !locate_dataset_file(info, file).empty(); });
}

// Another data set of the same files can stand in, and it may lie here already.
std::string stand_in(const DatasetInfo& missing) {
  for (const DatasetInfo& other : datasets())
    if (other.name != missing.name && is_there(other))
      return fmt::format(
          "; or train on `{0}`, which is here: `dataset: {0}`, or MILLRACE_DATASET={0} with the configs of Millrace",
          other.name);
  return {};
}

// It may be there, where we may not look.
void note_denied_folders(const DatasetInfo& info, const DatasetFile& file, Error& error) {
  for (const std::string& folder : dataset_folders(info)) {
    std::error_code denied;
    if (std::filesystem::exists(folder + "/" + file.stem, denied) || !denied) continue;
    error.add_note(fmt::format("cannot look into `{}`: {}; {}", folder, denied.message(), kLetYourselfRead));
  }
}

}  // namespace

Error missing_dataset_file(const DatasetInfo& info, const DatasetFile& file) {
  std::string help =
      fmt::format("`pipeline-run fetch {}` downloads it; or set MILLRACE_DATA_DIR to the folder that holds {}/",
                  info.name, info.name);
  if (!info.debian_package.empty()) help += fmt::format("; or `apt install {}`", info.debian_package);
  help += stand_in(info);
  Error error(ErrorKind::data, "dataset-missing",
              fmt::format("data set `{}`: {} (raw or .gz) is in none of: {}", info.name, file.stem,
                          fmt::join(dataset_folders(info), ", ")),
              help);
  note_denied_folders(info, file, error);
  return error;
}

}  // namespace millrace
