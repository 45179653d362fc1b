// Reads a folder of PNG images, a folder a class: FOLDER/CLASS/NAME.png. Classes and files count in the order of their names.
//
//   images:  u8 [n, height, width], or [n, height, width, 3] with `color: rgb`
//   labels:  u8 [n] (i32 for more than 256 classes), with the classes' names
//   example: train: {stage: image_folder, with: {folder: shapes, shuffle: true}}
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>
#include <millrace/random.hpp>
#include <millrace/registry.hpp>

#include <png.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace millrace;
namespace fs = std::filesystem;

[[noreturn]] void fail(const char* name, const fs::path& path, const std::string& what, std::string help) {
  throw Error(ErrorKind::data, name, path.string() + ": " + what, std::move(help));
}

/// A PNG file that is open at its pixels.
class PngFile {
 public:
  explicit PngFile(fs::path path) : path_(std::move(path)) {
    image_.version = PNG_IMAGE_VERSION;
    const InputFile refuses_what_is_no_file(path_.string());
    if (png_image_begin_read_from_file(&image_, path_.c_str()) == 0) malformed();
  }
  ~PngFile() { png_image_free(&image_); }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;

  std::int64_t height() const { return image_.height; }
  std::int64_t width() const { return image_.width; }
  /// Writes height * width * channels bytes; what is transparent lies on black.
  void read(std::int64_t channels, std::uint8_t* to) {
    const png_color black{0, 0, 0};
    image_.format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    if (png_image_finish_read(&image_, &black, to, 0, nullptr) == 0) malformed();
  }

 private:
  [[noreturn]] void malformed() const {
    fail("png-malformed", path_, std::string("not a PNG that can be read: ") + image_.message,
         "copy the file again, or take it out of the folder");
  }

  fs::path path_;
  png_image image_{};
};

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().front() != '.') entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_png(const fs::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  return suffix == ".png" && fs::is_regular_file(path);
}

/// The images of a folder; the class of each is the place of its name in `classes`.
struct Listing {
  std::vector<std::string> classes;
  std::vector<fs::path> files;
  std::vector<std::int32_t> labels;
};

void add_class(const fs::path& folder, Listing& listing) {
  const char* layout = "the folder must be FOLDER/CLASS/NAME.png, with nothing else in it";
  if (!fs::is_directory(folder)) fail("not-a-class", folder, "is not the folder of a class", layout);
  const std::vector<fs::path> files = sorted_entries(folder);
  if (files.empty()) fail("empty-class", folder, "has no image", "put images into it, or remove it");
  for (const fs::path& file : files) {
    if (!is_png(file)) fail("not-a-png", file, "is no .png file", layout);
    listing.files.push_back(file);
    listing.labels.push_back(static_cast<std::int32_t>(listing.classes.size()));
  }
  listing.classes.push_back(folder.filename().string());
}

// Nothing is left out silently: what lies there and is no image is an error.
Listing list_images(const fs::path& folder) try {
  if (!fs::is_directory(folder))
    fail("no-such-folder", folder, "is not a folder", "a path is taken from where the run is started");
  Listing listing;
  for (const fs::path& entry : sorted_entries(folder)) add_class(entry, listing);
  if (listing.files.empty())
    fail("no-images", folder, "has no folders with images", "the folder must be FOLDER/CLASS/NAME.png");
  return listing;
} catch (const fs::filesystem_error& error) {
  fail("folder-unreadable", error.path1(), "cannot be read: " + error.code().message(),
       error.code() == std::errc::permission_denied ? kLetYourselfRead : "");
}

std::string size_text(std::int64_t height, std::int64_t width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

void require_size(const PngFile& png, const fs::path& file, std::int64_t height, std::int64_t width,
                  const fs::path& first) {
  if (png.height() == height && png.width() == width) return;
  fail("size-mismatch", file,
       "is " + size_text(png.height(), png.width()) + " (height x width), " + first.string() + " is " +
           size_text(height, width),
       "all images of a folder must have the same size");
}

class ImageFolder final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    using T = ParamType;
    spec.summary("Reads a folder of PNG images, a folder a class, and sends them in blocks.")
        .output(
            "images",
            TensorType::of({DType::u8}).rank(2, 3).within(0, 255).description("height, width, and 3 with `color: rgb`"))
        .output("labels",
                TensorType::of({DType::u8, DType::i32}).scalar().description("with the classes' names; i32 beyond 256"))
        .param(Param("folder", T::text(), "Holds CLASS/NAME.png; classes count in the order of their names."))
        .param(Param("color", T::choice({"gray", "rgb"}), "What the images are converted to.").or_default("gray"))
        .param(Param("shuffle", T::boolean(), "A new order of the images in every epoch.").or_default(false))
        .param(Param("block_rows", T::integer().at_least(1).at_most(1 << 24), "Images sent at once.").or_default(256))
        .param(Param("max_bytes", T::integer().at_least(1), "Largest size of all images in memory.")
                   .or_default(std::int64_t{8} << 30)
                   .in_unit("bytes"))
        .shares_rows()
        .example("train: {stage: image_folder, with: {folder: shapes, shuffle: true}}");
  }

  explicit ImageFolder(const ParamValue& params)
      : folder_(params["folder"].text()),
        channels_(params["color"].text() == "rgb" ? 3 : 1),
        shuffle_(params["shuffle"].boolean()),
        block_rows_(params["block_rows"].integer()),
        max_bytes_(static_cast<std::uint64_t>(params["max_bytes"].integer())) {}

  // Reads the header of every file, and no pixels.
  void infer(InferContext& ctx) override {
    if (shuffle_) ctx.draws("shuffle");
    listing_ = list_images(folder_);
    const PngFile first(listing_.files.front());
    height_ = first.height();
    width_ = first.width();
    for (const fs::path& file : listing_.files)
      require_size(PngFile(file), file, height_, width_, listing_.files.front());
    const std::int64_t rows = count(), block = std::min(rows, block_rows_);
    const std::uint64_t bytes = checked_multiply(static_cast<std::uint64_t>(rows), image_bytes());
    if (bytes > max_bytes_)
      return ctx.error(ErrorSite::param("max_bytes"), "out-of-range",
                       "the images take " + std::to_string(bytes) + " bytes of memory",
                       "raise `max_bytes` if that is meant");
    ctx.uses_memory("images", bytes);
    for (const fs::path& file : listing_.files) ctx.reads_file(file.string());
    ctx.reads_rows("the folder " + fs::weakly_canonical(folder_).string(), 0, rows);
    if (shuffle_) ctx.uses_memory("order of the images", RowOrder::memory_bytes(rows));
    ctx.output("images", PortSpec::single({DType::u8, image_shape(), ValueRange{0, 255}, {}, {}}, rows, block));
    ctx.output("labels", PortSpec::single(label_spec(), rows, block));
  }

  void open(OpenContext& ctx) override {
    pixels_.resize(static_cast<std::size_t>(count()) * image_bytes());
    for (std::size_t i = 0; i < listing_.files.size(); ++i) {
      PngFile png(listing_.files[i]);  // somebody may have replaced it since
      require_size(png, listing_.files[i], height_, width_, listing_.files.front());
      png.read(channels_, pixels_.data() + i * image_bytes());
    }
    if (shuffle_) order_.emplace(ctx.random("shuffle"), count());
    share_ = ctx.share();
    rows_ = share_.rows_of_epoch(count());
  }

  void begin_epoch(std::uint32_t epoch) override {
    at_ = 0;
    if (order_) order_->begin_epoch(epoch);
  }

  void produce(SourceContext& ctx) override {
    const std::int64_t rows = std::min(block_rows_, rows_ - at_);
    const SampleIds ids = next_ids(rows);
    const auto position = static_cast<std::uint64_t>(share_.position(at_, count()));
    at_ += rows;
    ctx.emit("images", OutputPacket::tensor(images_of(ctx, *ids), ids, position, at_ == rows_));
    ctx.emit("labels", OutputPacket::tensor(labels_of(ctx, *ids), ids, position, at_ == rows_));
  }

 private:
  std::int64_t count() const { return static_cast<std::int64_t>(listing_.files.size()); }
  RowShape image_shape() const { return channels_ == 3 ? RowShape{height_, width_, 3} : RowShape{height_, width_}; }
  std::size_t image_bytes() const { return static_cast<std::size_t>(elements_of(image_shape())); }

  TensorSpec label_spec() const {
    const std::size_t classes = listing_.classes.size();
    return {classes <= 256 ? DType::u8 : DType::i32,
            {},
            ValueRange{0, static_cast<double>(classes - 1)},
            {},
            listing_.classes};
  }

  // An image's number is its place among all files, whatever the order of the epoch.
  SampleIds next_ids(std::int64_t rows) const {
    auto ids = std::make_shared<std::vector<std::uint64_t>>();
    for (std::int64_t row = at_; row < at_ + rows; ++row) {
      const std::int64_t position = share_.position(row, count());
      ids->push_back(static_cast<std::uint64_t>(order_ ? order_->row(position) : position));
    }
    return ids;
  }

  Tensor images_of(SourceContext& ctx, const std::vector<std::uint64_t>& ids) const {
    OutTensor out = ctx.allocate(ctx.output("images").only(), static_cast<std::int64_t>(ids.size()));
    std::uint8_t* to = out.values<std::uint8_t>().data();
    for (const std::uint64_t id : ids) {
      std::memcpy(to, pixels_.data() + id * image_bytes(), image_bytes());
      to += image_bytes();
    }
    return std::move(out).freeze();
  }

  Tensor labels_of(SourceContext& ctx, const std::vector<std::uint64_t>& ids) const {
    OutTensor out = ctx.allocate(ctx.output("labels").only(), static_cast<std::int64_t>(ids.size()));
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (out.spec().dtype == DType::u8)
        out.values<std::uint8_t>()[i] = static_cast<std::uint8_t>(listing_.labels[ids[i]]);
      else
        out.values<std::int32_t>()[i] = listing_.labels[ids[i]];
    return std::move(out).freeze();
  }

  fs::path folder_;
  std::int64_t channels_;
  bool shuffle_;
  std::int64_t block_rows_;
  std::uint64_t max_bytes_;
  Listing listing_;
  std::int64_t height_ = 0, width_ = 0;
  std::vector<std::uint8_t> pixels_;
  std::optional<RowOrder> order_;  ///< when images are shuffled
  RowShare share_;
  std::int64_t rows_ = 0;  ///< rows that this rank sends in an epoch
  std::int64_t at_ = 0;    ///< rows of this epoch that have been sent
};

MILLRACE_REGISTER_STAGE("image_folder", ImageFolder);

}  // namespace

MILLRACE_PLUGIN("image_folder", "1.0.0", "Apache-2.0");
