// Reads the rows of one file in their order, as they are wanted, and keeps none.
//
//   out:     any [n, ...], as in the file
//   example: digits: {stage: row_file, with: {file: x.npy}}
#include "rows/row_file.hpp"
#include "idx/idx_rows.hpp"
#include "npy/npy_rows.hpp"
#include "rows/row_choice.hpp"

#include <millrace/byte_reader.hpp>
#include <millrace/detail/positioned_source.hpp>
#include <millrace/error.hpp>
#include <millrace/registry.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace millrace::stages {
namespace {

/// What every NumPy file begins with; anything else is IDX, or no file of rows, and then that reader says what it may be.
bool is_npy(const std::string& path) {
  constexpr std::array kMagic{std::byte{0x93}, std::byte{'N'}, std::byte{'U'}};
  std::array<std::byte, kMagic.size()> magic{};
  ByteReader reader(path);
  return reader.read(magic) == magic.size() && magic == kMagic;
}

class RowFileSource final : public PositionedSource {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Reads the rows of one IDX or NumPy file, raw or gzip, in order, and keeps none of them.")
        .output("out",
                TensorType::any().description("as in the file; bytes are 0 to 255, integers of 64 bits become i32"))
        .param(Param("file", ParamType::text(), "path of a file whose first dimension counts the rows"))
        .param(block_rows_param())
        .param(max_bytes_param())
        .example("digits: {stage: row_file, with: {file: x.npy}}");
  }

  explicit RowFileSource(const ParamValue& params)
      : path_(params["file"].text()),
        block_rows_(params["block_rows"].integer()),
        max_bytes_(static_cast<std::uint64_t>(params["max_bytes"].integer())) {}

  void infer(InferContext& ctx) override {
    const std::unique_ptr<RowFile> file = open_file();
    spec_ = file->spec();
    rows_ = file->rows();
    ctx.reads_file(path_);
    ctx.output("out", PortSpec::single(spec_, rows_, std::min(rows_, block_rows_)));
  }

  void begin_epoch_at(std::uint32_t, std::int64_t row) override {
    file_ = open_file();
    require_as_checked(path_, file_->spec(), file_->rows(), spec_, rows_);
    skip_rows(*file_, row);
    at_ = row;
  }

  void produce(SourceContext& ctx) override {
    const std::int64_t count = std::min(block_rows_, rows_ - at_);
    OutTensor out = ctx.allocate(spec_, count);
    file_->read(out.bytes(), count);
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(count));
    const auto first = static_cast<std::uint64_t>(at_);
    std::iota(ids->begin(), ids->end(), first);
    at_ += count;
    if (at_ == rows_) file_->finish();  // before its last rows go on: a file is whole or it is refused
    ctx.emit("out", OutputPacket::tensor(std::move(out).freeze(), std::move(ids), first, at_ == rows_));
  }

  void close() noexcept override { file_.reset(); }

 private:
  std::unique_ptr<RowFile> open_file() const {
    try {
      return is_npy(path_) ? open_npy_rows(path_, max_bytes_) : open_idx_rows(path_, max_bytes_);
    } catch (Error& error) {
      error.about_param("file");
      if (error.name() == "idx-magic") error.add_note("nor is it a NumPy file: those start 93 4e 55 4d 50 59");
      throw;
    }
  }

  std::string path_;
  std::int64_t block_rows_;
  std::uint64_t max_bytes_;
  TensorSpec spec_;
  std::int64_t rows_ = 0, at_ = 0;
  std::unique_ptr<RowFile> file_;
};

MILLRACE_REGISTER_STAGE("row_file", RowFileSource);

}  // namespace
}  // namespace millrace::stages
