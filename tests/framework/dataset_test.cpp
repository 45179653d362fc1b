// The table of known data sets is complete, and their files are searched for in the documented order of folders and spellings.
#include "catch.hpp"
#include "idx_fixture.hpp"

#include <millrace/dataset.hpp>

#include <set>

using namespace millrace;
using namespace millrace::testing;

TEST_CASE("The known data sets are complete") {
  REQUIRE(dataset_names() == std::vector<std::string>{"mnist", "fashion_mnist"});
  std::set<std::string> hashes;
  for (const std::string& name : dataset_names()) {
    const DatasetInfo& info = *find_dataset(name);
    CAPTURE(name);
    CHECK(info.name == name);
    CHECK(info.image_shape == RowShape{28, 28});
    CHECK(info.class_names.size() == 10);
    CHECK_FALSE(info.mirrors.empty());
    for (const std::string& mirror : info.mirrors) CHECK(mirror.starts_with("https://"));
    CHECK_FALSE(info.license.empty());
    REQUIRE(info.files.size() == 4);
    for (const DatasetFile& file : info.files) {
      CHECK(file.sha256.size() == 64);
      CHECK(hashes.insert(file.sha256).second);
      CHECK(file.bytes == (file.role == "images" ? 16 + 784 * static_cast<std::uint64_t>(file.rows)
                                                 : 8 + static_cast<std::uint64_t>(file.rows)));
    }
  }
  CHECK(find_dataset("cifar") == nullptr);
}

TEST_CASE("A data set goes to the named data folder, else to the cache") {
  const DatasetInfo& info = *find_dataset("mnist");
  {
    const WithEnvironment named("MILLRACE_DATA_DIR", "/somewhere");
    CHECK(dataset_cache_folder(info) == "/somewhere/mnist");
    CHECK(dataset_folders(info).front() == "/somewhere/mnist");
  }
  const WithEnvironment unset("MILLRACE_DATA_DIR", ""), cache("XDG_CACHE_HOME", "/cache");
  CHECK(dataset_cache_folder(info) == "/cache/millrace/datasets/mnist");
  CHECK(dataset_folders(info) == std::vector<std::string>{"/cache/millrace/datasets/mnist", "data/MNIST/raw"});
}

TEST_CASE("Without a cache folder of its own the data set lies below the home folder") {
  const WithEnvironment unset("MILLRACE_DATA_DIR", ""), no_cache("XDG_CACHE_HOME", ""), home("HOME", "/home/somebody");
  CHECK(dataset_cache_folder(*find_dataset("mnist")) == "/home/somebody/.cache/millrace/datasets/mnist");
}

TEST_CASE("Debian's folder is looked into for the data set that Debian packages") {
  const std::vector<std::string> folders = dataset_folders(*find_dataset("fashion_mnist"));
  CHECK(folders.back() == "/usr/share/datasets/fashion-mnist");
}

TEST_CASE("A file is found raw or gzip, under both spellings, in the first folder that has it") {
  const TempFolder folder;
  const WithEnvironment data("MILLRACE_DATA_DIR", folder.path() + "/data"),
      cache("XDG_CACHE_HOME", folder.path() + "/cache");
  const DatasetInfo& info = *find_dataset("mnist");
  const DatasetFile& file = info.files.front();
  CHECK(locate_dataset_file(info, file).empty());
  const std::string in_cache = folder.file("cache/millrace/datasets/mnist/train-images.idx3-ubyte.gz", "x");
  CHECK(locate_dataset_file(info, file) == in_cache);
  const std::string packed = folder.file("data/mnist/train-images-idx3-ubyte.gz", "x");
  CHECK(locate_dataset_file(info, file) == packed);
  const std::string raw = folder.file("data/mnist/train-images-idx3-ubyte", "x");
  CHECK(locate_dataset_file(info, file) == raw);
}
