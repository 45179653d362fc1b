// Tests image_folder alone, without a graph, on PNG files that it writes itself.
#include <millrace/error.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <png.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace millrace;
using millrace::testing::StageTester;

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

bool check(const char* what, bool good) {
  std::printf("%s: %s\n", good ? "passed" : "FAILED", what);
  return good;
}

/// A folder of its own that goes when the test ends.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "image_folder_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path() const { return path_.string(); }
  fs::path file(const std::string& name) const {
    fs::create_directories((path_ / name).parent_path());
    return path_ / name;
  }
  void png(const std::string& name, std::uint32_t width, std::uint32_t height, const Bytes& pixels,
           bool rgb = false) const {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = rgb ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    png_image_write_to_file(&image, file(name).c_str(), 0, pixels.data(), 0, nullptr);
  }
  /// Three images of 2 x 3 pixels in two classes.
  void three() const {
    png("cat/2.png", 3, 2, {7, 8, 9, 10, 11, 12});
    png("cat/1.png", 3, 2, {1, 2, 3, 4, 5, 6});
    png("ant/a.PNG", 3, 2, {0, 128, 255, 1, 127, 254});
  }

 private:
  fs::path path_;
};

Bytes bytes_of(const Packet& packet) {
  const auto bytes = packet.tensor().stored<std::uint8_t>();
  return {bytes.begin(), bytes.end()};
}

ParamValue::Map params_of(const Folder& folder) { return {{"folder", folder.path()}}; }

std::string error_of(const Folder& folder) {
  try {
    StageTester tester("image_folder", params_of(folder));
    tester.pull();
    return "none";
  } catch (const Error& error) {
    return error.name() + ": " + error.message();
  }
}

bool is_refused(const char* what, const Folder& folder, const std::string& name, const std::string& file) {
  const std::string error = error_of(folder);
  const bool good = check(what, error.rfind(name + ": ", 0) == 0 && error.find(file) != std::string::npos);
  if (!good) std::printf("  it says: %s\n", error.c_str());
  return good;
}

bool reads_in_the_order_of_names() {
  const Folder folder;
  folder.three();
  StageTester tester("image_folder", params_of(folder));
  tester.pull();
  const Packet images = tester.pop("images"), labels = tester.pop("labels");
  const TensorSpec& spec = labels.tensor().spec();
  return check("pixels come as they are, files and classes in the order of their names",
               bytes_of(images) == Bytes{0, 128, 255, 1, 127, 254, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) &
         check("a row is an image", images.tensor().spec().row_shape == RowShape{2, 3}) &
         check("labels are places in the list of classes", bytes_of(labels) == Bytes{0, 1, 1}) &
         check("and carry their names", spec.class_names == std::vector<std::string>{"ant", "cat"}) &
         check("one epoch is one block here", images.header.last_in_epoch && labels.header.last_in_epoch);
}

bool reads_colors() {
  const Folder folder;
  const Bytes pixels{255, 0, 0, 0, 255, 0};
  folder.png("only/one.png", 2, 1, pixels, true);
  StageTester tester("image_folder", {{"folder", folder.path()}, {"color", "rgb"}});
  const Packet images = tester.pull().pop("images");
  return check("with `color: rgb` a pixel has three channels",
               bytes_of(images) == pixels && images.tensor().spec().row_shape == RowShape{1, 2, 3});
}

/// The ids of an epoch, whatever the size of its blocks.
std::vector<std::uint64_t> order_of(const Folder& folder, std::int64_t block_rows, int pass) {
  StageTester tester("image_folder", {{"folder", folder.path()}, {"shuffle", true}, {"block_rows", block_rows}});
  tester.seed(3);
  std::vector<std::uint64_t> ids;
  for (int i = 0; i <= pass; ++i) {
    ids.clear();
    for (bool last = false; !last;) {
      const Packet packet = tester.pull().pop("images");
      tester.pop("labels");
      ids.insert(ids.end(), packet.ids->begin(), packet.ids->end());
      last = packet.header.last_in_epoch;
    }
  }
  return ids;
}

bool shuffles_reproducibly() {
  const Folder folder;
  for (int i = 10; i < 40; ++i) folder.png("only/" + std::to_string(i) + ".png", 1, 1, {static_cast<std::uint8_t>(i)});
  const auto first = order_of(folder, 256, 0);
  auto sorted = first;
  std::sort(sorted.begin(), sorted.end());
  return check("an epoch has every image once", sorted.front() == 0 && sorted.back() == 29 && sorted.size() == 30) &
         check("blocks of another size keep the order", order_of(folder, 7, 0) == first) &
         check("the next epoch has another", order_of(folder, 256, 1) != first);
}

void cut(const fs::path& file, std::uintmax_t bytes) { fs::resize_file(file, bytes); }

bool refuses_what_is_no_image() {
  const Folder text, header, pixels, sizes, stray, loose, empty, none, circle;
  for (const Folder* folder : {&text, &header, &pixels, &sizes, &stray, &loose, &empty}) folder->three();
  std::ofstream(text.file("cat/3.png")) << "not a picture";
  cut(header.file("cat/1.png"), 20);
  cut(pixels.file("cat/1.png"), fs::file_size(pixels.file("cat/1.png")) - 20);
  sizes.png("cat/3.png", 2, 2, {1, 2, 3, 4});
  std::ofstream(stray.file("cat/notes.txt")) << "x";
  std::ofstream(loose.file("loose.png")) << "x";
  fs::create_directory(empty.file("dog"));
  fs::create_symlink("cat", circle.file("cat"));  // refused to root too, which no permission stops
  return is_refused("a text called .png is named", text, "png-malformed", "cat/3.png") &
         is_refused("so is a file cut in its header", header, "png-malformed", "cat/1.png") &
         is_refused("and one cut in its pixels", pixels, "png-malformed", "cat/1.png") &
         is_refused("an image of another size is named", sizes, "size-mismatch", "cat/3.png") &
         is_refused("a file that is no image is not skipped", stray, "not-a-png", "notes.txt") &
         is_refused("an image outside of any class is not skipped", loose, "not-a-class", "loose.png") &
         is_refused("a class without images is named", empty, "empty-class", "dog") &
         is_refused("a folder without classes is named", none, "no-images", none.path()) &
         is_refused("what the system does not let one look at is named", circle, "folder-unreadable", "cat");
}

bool finds_a_changed_file() {
  const Folder folder;
  folder.three();
  StageTester tester("image_folder", params_of(folder));
  const bool good = tester.infer().empty();
  folder.png("cat/2.png", 1, 1, {0});
  try {
    tester.pull();
    return check("an image that changed its size since the check is found", false);
  } catch (const Error& error) {
    return check("an image that changed its size since the check is found", good && error.name() == "size-mismatch");
  }
}

}  // namespace

int main() {
  const bool good = reads_in_the_order_of_names() & reads_colors() & shuffles_reproducibly() &
                    refuses_what_is_no_image() & finds_a_changed_file();
  return good ? 0 : 1;
}
