// A value as somebody has written it, in a config or in a program: what the check of parameters reads.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/param.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// A scalar read as a number. Integers keep their exact value.
struct MILLRACE_EXPORT WrittenNumber {
  enum class Fault : std::uint8_t { none, not_a_number, leading_zero, not_finite, too_large, zero_denominator };
  Fault fault = Fault::none;
  double value = 0;
  std::optional<std::int64_t> integer;  ///< empty for 1.0, 1e3 and 1/255
};

class MILLRACE_EXPORT WrittenValue {
 public:
  enum class Shape : std::uint8_t { null, scalar, list, map };
  virtual ~WrittenValue();

  virtual Shape shape() const = 0;
  /// Of a list its items, of a map its members; in their order.
  virtual std::size_t size() const = 0;
  virtual const std::string& key(std::size_t member) const = 0;
  virtual std::unique_ptr<WrittenValue> at(std::size_t index) const = 0;

  /// A scalar as one of the plain types, if it is one.
  virtual std::optional<bool> boolean() const = 0;
  virtual std::optional<std::string> text() const = 0;
  virtual WrittenNumber number() const = 0;

  /// The scalar between the words of a message: "300".
  virtual std::string written() const = 0;
  /// What it is, in a message: "a list", "`300`", "the text \"300\"".
  virtual std::string describe() const = 0;
  /// A name of it, such as a key, as messages may show it.
  virtual std::string shown(std::string_view name) const { return std::string(name); }
};

/// A value of a program. `value` must outlive this.
class MILLRACE_EXPORT GivenValue final : public WrittenValue {
 public:
  explicit GivenValue(const ParamValue& value) : value_(value) {}
  Shape shape() const override;
  std::size_t size() const override;
  const std::string& key(std::size_t member) const override { return value_.map()[member].first; }
  std::unique_ptr<WrittenValue> at(std::size_t index) const override;
  std::optional<bool> boolean() const override;
  std::optional<std::string> text() const override;
  WrittenNumber number() const override;
  std::string written() const override { return value_.render(); }
  std::string describe() const override;

 private:
  const ParamValue& value_;
};

}  // namespace millrace
