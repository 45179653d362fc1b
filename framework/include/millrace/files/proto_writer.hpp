// Protocol buffers on the wire: the little of them that models of ONNX and events of TensorBoard are written in. Every message is a text of its own until it is put into another.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// A message in the making: fields come in the order of the calls.
class MILLRACE_EXPORT ProtoWriter {
 public:
  /// int32, int64 (a negative one takes ten bytes) and enumerations.
  void number(std::uint32_t field, std::int64_t value);
  /// double and float, with all of their bits.
  void real64(std::uint32_t field, double value);
  void real32(std::uint32_t field, float value);
  /// Texts, bytes and messages.
  void text(std::uint32_t field, std::string_view value);
  void message(std::uint32_t field, const ProtoWriter& value) { text(field, value.bytes()); }

  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value);
  std::string bytes_;
};

}  // namespace millrace
