// What two processes of this program write to each other, as bytes: both run the same program on the same machine, so numbers
// stay as they lie in memory.
#pragma once

#include <millrace/error.hpp>
#include <millrace/metrics.hpp>
#include <millrace/param.hpp>
#include <millrace/stage_descriptor.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace millrace::pipelines {

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class WireWriter {
 public:
  template <Plain T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    put(static_cast<std::uint64_t>(value.size()));
    bytes_ += value;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Trusts nothing: what is not there, or is no value of its type, is Error("stage-garbled", run).
class WireReader {
 public:
  /// `bytes` must outlive the reader.
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  template <Plain T>
  requires(!std::is_same_v<T, bool> && !std::is_enum_v<T>) T get() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  bool flag() { return get<std::uint8_t>() != 0; }
  /// An enumerator up to `last`.
  template <class T>
  T one_of(T last) {
    const auto value = get<std::underlying_type_t<T>>();
    if (value > static_cast<std::underlying_type_t<T>>(last)) garbled("an enumerator that there is not");
    return static_cast<T>(value);
  }
  std::string text() { return std::string(take(get<std::uint64_t>())); }
  /// How many of something follow, each of at least one byte.
  std::uint64_t count();
  void require_end() const;

  [[noreturn]] static void garbled(const std::string& what);

 private:
  std::string_view take(std::uint64_t size);
  std::string_view bytes_;
};

void write(WireWriter& to, const ParamValue& value);
void write(WireWriter& to, const TensorSpec& spec);
void write(WireWriter& to, const PortSpec& port);  ///< data ports only
void write(WireWriter& to, const Metrics& metrics);
void write(WireWriter& to, const std::vector<std::string>& texts);
void write(WireWriter& to, const Problem& problem);

ParamValue read_param(WireReader& from);
TensorSpec read_tensor_spec(WireReader& from);
PortSpec read_port(WireReader& from);
Metrics read_metrics(WireReader& from);
std::vector<std::string> read_texts(WireReader& from);
Problem read_problem(WireReader& from);

/// Whatever a stage throws, so that the other side throws the like: an Error with all its parts, std::bad_alloc, a
/// std::exception with its text, or something that is no std::exception.
void write_exception(WireWriter& to, const std::exception_ptr& thrown);
[[noreturn]] void throw_exception(WireReader& from);

}  // namespace millrace::pipelines
