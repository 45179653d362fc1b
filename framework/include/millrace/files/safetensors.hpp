// Files of named tensors in the safetensors format: what checkpoints are written in, and what numpy, torch and others read.
//
// Eight bytes, little-endian, hold the length of a header. The header is a JSON object: of each tensor its type, its shape and where its bytes
// lie, and under `__metadata__` texts for people and programs. Then come the bytes, row-major, little-endian, without gaps.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class InputFile;

/// Types of elements. The format has others, of 4, 6 and 8 bits and complex ones, which are refused by name.
enum class SafetensorsType : std::uint8_t { boolean, u8, i8, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64 };

/// As the format writes it: "BOOL", "U8", "BF16", "F32".
MILLRACE_EXPORT std::string_view to_string(SafetensorsType);
/// Size of one element in bytes.
MILLRACE_EXPORT std::size_t size_of(SafetensorsType);
/// The type in a file of what has this type in memory.
MILLRACE_EXPORT SafetensorsType safetensors_type(DType);

/// Limits of reader and writer alike. The first is the format's.
inline constexpr std::uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxSafetensorsTensors = 100'000;  ///< and as many texts of metadata
inline constexpr std::size_t kMaxSafetensorsNameBytes = 256;
inline constexpr std::size_t kMaxSafetensorsDimensions = 32;  ///< numpy takes no more

/// Texts by name, UTF-8; any text may be empty.
using SafetensorsMetadata = std::map<std::string, std::string, std::less<>>;

/// A tensor to be written.
struct SafetensorsTensor {
  std::string name;  ///< UTF-8 without NUL, not `__metadata__`
  SafetensorsType type = SafetensorsType::f32;
  std::vector<std::int64_t> shape;   ///< {} for a scalar; a dimension may be 0
  std::span<const std::byte> bytes;  ///< of the caller, unchanged until the writing has ended; row-major, little-endian
};

/// Writes a file into `sink`, which takes its bytes in order, in pieces of at most kSafetensorsPieceBytes but for the header; pieces of
/// tensors are views of the caller's memory. The same tensors and metadata give the same bytes. Larger elements come first, so that
/// every tensor lies at a multiple of the size of its elements; those of one size keep their order. The file's header has that order too.
///
/// Throws before anything is written, as Error of kind run: what the reader would refuse is not written, and bears the names it has there
/// (safetensors-duplicate, -name, -utf8, -shape, -limit); safetensors-bytes where `bytes` is not what type and shape take. What the
/// sink throws passes, and the file is then not complete.
MILLRACE_EXPORT void write_safetensors(std::span<const SafetensorsTensor> tensors, const SafetensorsMetadata& metadata,
                                       const std::function<void(std::span<const std::byte>)>& sink);
inline constexpr std::size_t kSafetensorsPieceBytes = std::size_t{4} << 20;
/// How many bytes write_safetensors writes; throws as it does.
MILLRACE_EXPORT std::uint64_t safetensors_file_bytes(std::span<const SafetensorsTensor> tensors,
                                                     const SafetensorsMetadata& metadata);
/// The whole file as one text: for small ones.
MILLRACE_EXPORT std::string safetensors_text(std::span<const SafetensorsTensor> tensors,
                                             const SafetensorsMetadata& metadata);

/// What a file says of one of its tensors.
struct SafetensorsEntry {
  std::string name;
  SafetensorsType type = SafetensorsType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t offset = 0;  ///< of its first byte in the file
  std::uint64_t bytes = 0;   ///< what type and shape take
};

struct MILLRACE_EXPORT SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;  ///< in the order in which their bytes lie
  SafetensorsMetadata metadata;

  /// Null when there is no such tensor. Looks at all of them.
  const SafetensorsEntry* find(std::string_view name) const;
};

/// Reads and checks the header of a file that may come from anybody: each tensor's bytes are inside of the file, no byte belongs to two of
/// them or to none. What is allocated is bounded by the header's length, which is compared with the file's first; nothing by a shape.
/// Values are not looked at.
///
/// Throws Error of kind data, whose sentence names the file and the byte: safetensors-short (the file ends), -limit (see the limits),
/// -json, -utf8, -header (JSON, but not such a header), -duplicate, -name, -dtype, -shape, -offsets (negative, backward, not of the shape's
/// size, overlapping or with a gap), -trailing (bytes that belong to no tensor); and what InputFile throws.
MILLRACE_EXPORT SafetensorsHeader read_safetensors_header(InputFile& file);
/// The same of a whole file in memory; `name` stands for its path.
MILLRACE_EXPORT SafetensorsHeader read_safetensors_header(std::span<const std::byte> file, const std::string& name);

/// Fills `out` with the bytes of a tensor from its byte `first` on: a tensor is read in pieces as large as the caller likes. Throws
/// Error(safetensors-short, data) where the file has become shorter since; (safetensors-range, run) where the tensor has no such bytes.
/// Whether the file has changed otherwise tells InputFile::check_unchanged, at the end.
MILLRACE_EXPORT void read_safetensors_tensor(InputFile& file, const SafetensorsEntry& tensor, std::uint64_t first,
                                             std::span<std::byte> out);

}  // namespace millrace
