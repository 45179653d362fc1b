// Events for TensorBoard: scalars by step, in a file that is appended to.
//
// A record is the length of its bytes (u64), a check of that (u32), the bytes, a check of them (u32), all little-endian; the bytes are a message `Event` of protocol buffers. A
// check is the CRC-32C, turned right by 15 bits, plus 0xa282ead8. The first record names the version. Sources: tensorflow/core/lib/io/record_writer.h,
// tensorflow/core/util/event.proto.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

struct EventScalar {
  std::string_view tag;
  double value = 0;  ///< becomes float32; need not be finite
};

/// Of one process, for a time: whoever goes on with a run begins a file of its own, so that a torn record is never followed by another. One thread at a time.
class MILLRACE_EXPORT EventFile {
 public:
  /// Makes it; nothing has that name. `wall_time`: seconds since 1970. Throws Error("output-unwritable", output).
  EventFile(const std::string& path, double wall_time);
  ~EventFile();
  EventFile(EventFile&&) noexcept;
  EventFile& operator=(EventFile&&) noexcept;

  /// One record, in one write. False, and nothing is written, when a step is there already or a later one. Throws as the constructor does; what of the record
  /// was written is cut off again.
  bool append(double wall_time, std::int64_t step, std::span<const EventScalar> scalars);
  /// Brings all records to the disk (fdatasync).
  void sync();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What TensorBoard takes for such a file: "events.out.tfevents.1700000000.host". `host` is made fit for a file's name.
MILLRACE_EXPORT std::string event_file_name(std::int64_t seconds, const std::string& host);

/// CRC-32C (Castagnoli), RFC 3720, appendix B.4.
MILLRACE_EXPORT std::uint32_t crc32c(std::string_view bytes);

}  // namespace millrace
