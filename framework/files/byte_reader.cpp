// Streaming decompression by zlib's inflate, in chunks of 256 KiB and member after member; to see the end, one byte is read ahead.
#include <millrace/byte_reader.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace millrace {
namespace {

constexpr std::size_t kChunk = std::size_t{256} << 10;  ///< compressed bytes that are read at once

[[noreturn]] void fail(const char* name, const std::string& path, const std::string& what, std::string help = {}) {
  throw Error(ErrorKind::data, name, fmt::format("{}: {}", path, what), std::move(help));
}

/// The decompressed bytes of a gzip file of one member or several (RFC 1952, section 2.2), zeros behind the last allowed. zlib's
/// own file functions are of no use here: they read a truncated file to a clean end, and let junk behind the data pass.
class Inflater {
 public:
  Inflater(InputFile& file, const std::string& path) : file_(file), path_(path), input_(kChunk) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK)
      throw Error(ErrorKind::run, "out-of-memory", "zlib cannot start to decompress");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::size_t read(std::byte* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size && !ended_) {
      const std::size_t wanted = std::min<std::size_t>(size - done, std::size_t{1} << 30);  // zlib counts in 32 bits
      stream_.next_out = reinterpret_cast<Bytef*>(out + done);
      stream_.avail_out = static_cast<uInt>(wanted);
      step();
      done += wanted - stream_.avail_out;
    }
    return done;
  }

 private:
  void step() {
    if (stream_.avail_in == 0) refill();
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      begin_next_member();
    } else if (result == Z_BUF_ERROR) {
      fail("gzip-truncated", path_,
           fmt::format("the compressed data end at byte {}, after {}, before they are complete", file_.bytes(),
                       counted(before_ + std::uint64_t{stream_.total_out}, "decompressed byte")),
           "copy or download the file again");
    } else if (result != Z_OK) {
      fail("gzip-corrupt", path_,
           fmt::format("at compressed byte {}: {}", offset(), stream_.msg != nullptr ? stream_.msg : zError(result)),
           "copy or download the file again");
    }
  }
  void refill() {
    consumed_ += filled_;
    filled_ = file_.read(input_);
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(filled_);
  }
  // "1f" is the first byte of every member; what the rest of its header must be zlib knows.
  void begin_next_member() {
    skip_zeros();
    ended_ = stream_.avail_in == 0;
    if (ended_) return;
    if (*stream_.next_in != 0x1f)
      fail("gzip-trailing", path_,
           fmt::format("at compressed byte {}: what follows the gzip data is no further gzip member", offset()),
           "remove what follows");
    before_ += stream_.total_out;
    inflateReset(&stream_);
  }
  void skip_zeros() {
    do {
      for (; stream_.avail_in > 0 && *stream_.next_in == 0; ++stream_.next_in) --stream_.avail_in;
      if (stream_.avail_in > 0) return;
      refill();
    } while (stream_.avail_in > 0);
  }
  std::uint64_t offset() const { return consumed_ + filled_ - stream_.avail_in; }

  InputFile& file_;
  const std::string& path_;
  std::vector<std::byte> input_;
  z_stream stream_{};
  std::uint64_t consumed_ = 0;  ///< compressed bytes before the chunk in input_
  std::uint64_t before_ = 0;    ///< decompressed bytes of the members before this one
  std::size_t filled_ = 0;
  bool ended_ = false;
};

}  // namespace

struct ByteReader::State {
  explicit State(const std::string& file_path) : path(file_path), file(path) {
    std::array<std::byte, 2> magic{};
    const bool gzip = file.read_at(0, magic) == 2 && magic[0] == std::byte{0x1f} && magic[1] == std::byte{0x8b};
    if (gzip) inflater.emplace(file, path);
  }
  std::size_t read(std::byte* out, std::size_t size) {
    return inflater ? inflater->read(out, size) : file.read({out, size});
  }

  std::string path;
  InputFile file;
  std::optional<Inflater> inflater;
  std::optional<std::byte> ahead;  ///< read by at_end
  std::uint64_t position = 0;
};

ByteReader::ByteReader(const std::string& path) : state_(std::make_unique<State>(path)) {}
ByteReader::~ByteReader() = default;

std::size_t ByteReader::read(std::span<std::byte> out) {
  if (out.empty()) return 0;
  std::size_t done = 0;
  if (state_->ahead) {
    out[done++] = *state_->ahead;
    state_->ahead.reset();
  }
  done += state_->read(out.data() + done, out.size() - done);
  state_->position += done;
  return done;
}

bool ByteReader::at_end() {
  if (state_->ahead) return false;
  std::byte next{};
  if (state_->read(&next, 1) == 0) return true;
  state_->ahead = next;
  return false;
}

bool ByteReader::is_gzip() const { return state_->inflater.has_value(); }
std::uint64_t ByteReader::position() const { return state_->position; }
std::uint64_t ByteReader::file_bytes() const { return state_->file.bytes(); }
const std::string& ByteReader::path() const { return state_->path; }
void ByteReader::check_unchanged() const { state_->file.check_unchanged(); }

}  // namespace millrace
