// Two passes: what each tensor says of itself, in the order of the text, and then, in the order of their bytes, that the tensors cover the
// data exactly once. The second compares and never adds what a file says, so that nothing can wrap.
#include "safetensors_header.hpp"

#include "files/json/json_cursor.hpp"
#include "safetensors_format.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace millrace {
namespace {

constexpr const char *kHeader = "safetensors-header", *kDuplicate = "safetensors-duplicate",
                     *kLimit = "safetensors-limit", *kShape = "safetensors-shape", *kOffsets = "safetensors-offsets";

/// Where bytes lie within the data, and where in the file that is written.
struct Range {
  std::uint64_t begin = 0, end = 0, written_at = 0;
};

/// What a header says of one tensor, as far as it has been read.
struct Fields {
  std::optional<SafetensorsType> type;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<Range> range;
  std::uint64_t shape_at = 0;  ///< where in the file the shape is written
};

/// A tensor whose offset is not set yet.
struct Draft {
  SafetensorsEntry entry;
  Range range;
};

class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path) : cursor_(text, kSafetensorsLengthBytes, path) {
    if (!text.starts_with('{')) cursor_.fail(kSafetensorsLengthBytes, kHeader, "the header does not begin with `{`");
    read_object([&](std::uint64_t at, std::string name) {
      if (!names_.insert(name).second) cursor_.fail(at, kDuplicate, fmt::format("a second {}", quoted_name(name)));
      if (name == kSafetensorsMetadataKey)
        read_metadata();
      else
        read_tensor(at, std::move(name));
    });
    cursor_.expect_end();
  }

  const JsonCursor& cursor() const { return cursor_; }
  std::vector<Draft> take_tensors() { return std::move(tensors_); }
  SafetensorsMetadata take_metadata() { return std::move(metadata_); }

 private:
  /// `read_value(where its key begins, key)` takes each value.
  template <class ReadValue>
  void read_object(ReadValue read_value) {
    cursor_.expect('{');
    if (cursor_.take('}')) return;
    do {
      const std::uint64_t at = cursor_.next();
      std::string key = cursor_.text();
      cursor_.expect(':');
      read_value(at, std::move(key));
    } while (cursor_.take(','));
    cursor_.expect('}');
  }

  void read_metadata() {
    read_object([&](std::uint64_t at, std::string key) {
      if (metadata_.contains(key)) cursor_.fail(at, kDuplicate, fmt::format("a second text {}", quoted_name(key)));
      if (metadata_.size() == kMaxSafetensorsTensors)
        cursor_.fail(at, kLimit, fmt::format("more than {} texts", kMaxSafetensorsTensors));
      std::string value = cursor_.text();
      metadata_.emplace(std::move(key), std::move(value));
    });
  }

  void read_tensor(std::uint64_t at, std::string name) {
    if (const std::string fault = fault_of_safetensors_name(name); !fault.empty())
      cursor_.fail(at, "safetensors-name", fault);
    if (tensors_.size() == kMaxSafetensorsTensors)
      cursor_.fail(at, kLimit, fmt::format("more than {} tensors", kMaxSafetensorsTensors));
    Fields fields;
    read_object([&](std::uint64_t key_at, const std::string& key) { read_field(fields, key_at, key); });
    const char* missing = !fields.type ? "dtype" : !fields.shape ? "shape" : !fields.range ? "data_offsets" : nullptr;
    if (missing != nullptr) cursor_.fail(at, kHeader, fmt::format("tensor {} has no {}", quoted_name(name), missing));
    add({std::move(name), *fields.type, *std::move(fields.shape), 0, 0}, *fields.range, fields.shape_at);
  }

  void read_field(Fields& fields, std::uint64_t key_at, const std::string& key) {
    const std::uint64_t value_at = cursor_.next();
    if (key == "dtype" && !fields.type) {
      fields.type = read_type();
    } else if (key == "shape" && !fields.shape) {
      fields.shape_at = value_at;
      fields.shape = read_shape();
    } else if (key == "data_offsets" && !fields.range) {
      fields.range = read_range();
    } else if (key == "dtype" || key == "shape" || key == "data_offsets") {
      cursor_.fail(key_at, kDuplicate, fmt::format("a second {} of one tensor", key));
    } else {
      cursor_.fail(key_at, kHeader,
                   fmt::format("{} of a tensor; known are dtype, shape and data_offsets", quoted_name(key)));
    }
  }

  SafetensorsType read_type() {
    const std::uint64_t at = cursor_.next();
    const std::string name = cursor_.text();
    const std::optional<SafetensorsType> type = safetensors_type_named(name);
    if (!type)
      cursor_.fail(at, "safetensors-dtype", fmt::format("Millrace does not read the type {}", quoted_name(name)));
    return *type;
  }

  std::vector<std::int64_t> read_shape() {
    std::vector<std::int64_t> shape;
    cursor_.expect('[');
    if (cursor_.take(']')) return shape;
    do {
      if (shape.size() == kMaxSafetensorsDimensions)
        cursor_.fail(cursor_.next(), kShape, fmt::format("more than {} dimensions", kMaxSafetensorsDimensions));
      shape.push_back(static_cast<std::int64_t>(cursor_.integer(kShape)));
    } while (cursor_.take(','));
    cursor_.expect(']');
    return shape;
  }

  Range read_range() {
    Range range;
    range.written_at = cursor_.next();
    cursor_.expect('[');
    range.begin = cursor_.integer(kOffsets);
    cursor_.expect(',');
    range.end = cursor_.integer(kOffsets);
    cursor_.expect(']');
    return range;
  }

  void add(SafetensorsEntry entry, const Range& range, std::uint64_t shape_at) {
    const std::optional<std::uint64_t> bytes = safetensors_tensor_bytes(entry.type, entry.shape);
    if (!bytes)
      cursor_.fail(shape_at, kShape,
                   fmt::format("[{}] elements of {} do not fit into 63 bits", fmt::join(entry.shape, ", "),
                               counted(size_of(entry.type), "byte")));
    if (range.end < range.begin)
      cursor_.fail(range.written_at, kOffsets, fmt::format("from {} back to {}", range.begin, range.end));
    if (range.end - range.begin != *bytes)
      cursor_.fail(range.written_at, kOffsets,
                   fmt::format("{} from {} to {}, but {} [{}] takes {}", counted(range.end - range.begin, "byte"),
                               range.begin, range.end, to_string(entry.type), fmt::join(entry.shape, ", "), *bytes));
    entry.bytes = *bytes;
    tensors_.push_back({std::move(entry), range});
  }

  JsonCursor cursor_;
  std::set<std::string> names_;  // a tree, for who writes a file may know how strings are hashed
  std::vector<Draft> tensors_;
  SafetensorsMetadata metadata_;
};

/// Sorts the tensors by their bytes. Returns where these end within the data.
std::uint64_t require_no_gap(std::vector<Draft>& tensors, const JsonCursor& cursor) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const Draft& a, const Draft& b) {
    return std::pair(a.range.begin, a.range.end) < std::pair(b.range.begin, b.range.end);
  });
  std::uint64_t end = 0;
  for (const auto& [entry, range] : tensors) {
    if (range.begin != end)
      cursor.fail(range.written_at, kOffsets,
                  fmt::format("tensor {} begins at byte {} of the data instead of {}, so that bytes belong to {}",
                              quoted_name(entry.name), range.begin, end, range.begin < end ? "two" : "none"));
    end = range.end;
  }
  return end;
}

void require_end(std::uint64_t data_end, std::uint64_t data_begin, std::uint64_t file_bytes, const JsonCursor& cursor) {
  const std::uint64_t there = file_bytes - data_begin;
  if (data_end > there)
    cursor.fail(
        file_bytes, "safetensors-short",
        fmt::format("the file ends after {} of data, its header declares {}", counted(there, "byte"), data_end));
  if (data_end < there)
    cursor.fail(data_begin + data_end, "safetensors-trailing",
                fmt::format("{} that no tensor has", counted(there - data_end, "byte")));
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t file_bytes, const std::string& path) {
  const std::uint64_t data_begin = kSafetensorsLengthBytes + text.size();
  HeaderParser parser(text, path);
  std::vector<Draft> drafts = parser.take_tensors();
  require_end(require_no_gap(drafts, parser.cursor()), data_begin, file_bytes, parser.cursor());
  SafetensorsHeader header;
  header.metadata = parser.take_metadata();
  header.tensors.reserve(drafts.size());
  for (auto& [entry, range] : drafts) {
    entry.offset = data_begin + range.begin;
    header.tensors.push_back(std::move(entry));
  }
  return header;
}

}  // namespace millrace
