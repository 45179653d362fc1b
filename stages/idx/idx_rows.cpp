// The header has been compared with the file's size; what is missing all the same shows when it is read.
#include "idx_rows.hpp"

#include "idx_file.hpp"
#include "idx_inference.hpp"

namespace millrace::stages {
namespace {

class IdxRowFile final : public RowFile {
 public:
  IdxRowFile(const std::string& path, std::uint64_t max_bytes)
      : reader_(path), header_(read_idx_header(reader_, max_bytes)), spec_(spec_of(header_)) {}

  const TensorSpec& spec() const override { return spec_; }
  std::int64_t rows() const override { return header_.rows; }
  void read(std::byte* to, std::int64_t count) override {
    read_idx_values(reader_, header_, {to, static_cast<std::size_t>(count) * header_.row_bytes()});
  }
  void finish() override { require_idx_end(reader_); }

 private:
  ByteReader reader_;
  IdxHeader header_;
  TensorSpec spec_;
};

}  // namespace

std::unique_ptr<RowFile> open_idx_rows(const std::string& path, std::uint64_t max_bytes) {
  return std::make_unique<IdxRowFile>(path, max_bytes);
}

}  // namespace millrace::stages
