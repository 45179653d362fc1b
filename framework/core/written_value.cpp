// A value of a program, as the check of parameters reads it.
#include <millrace/detail/written_value.hpp>

#include <fmt/format.h>

#include <cmath>

namespace millrace {

WrittenValue::~WrittenValue() = default;

WrittenValue::Shape GivenValue::shape() const {
  if (value_.is_null()) return Shape::null;
  if (value_.is_list()) return Shape::list;
  return value_.is_map() ? Shape::map : Shape::scalar;
}

std::size_t GivenValue::size() const {
  if (value_.is_list()) return value_.list().size();
  return value_.is_map() ? value_.map().size() : 0;
}

std::unique_ptr<WrittenValue> GivenValue::at(std::size_t index) const {
  return std::make_unique<GivenValue>(value_.is_list() ? value_.list()[index] : value_.map()[index].second);
}

std::optional<bool> GivenValue::boolean() const {
  return value_.is_boolean() ? std::optional(value_.boolean()) : std::nullopt;
}

std::optional<std::string> GivenValue::text() const {
  return value_.is_text() ? std::optional(value_.text()) : std::nullopt;
}

WrittenNumber GivenValue::number() const {
  using Fault = WrittenNumber::Fault;
  if (!value_.is_number()) return {Fault::not_a_number, 0, {}};
  if (value_.is_integer()) return {Fault::none, value_.number(), value_.integer()};
  return {std::isfinite(value_.number()) ? Fault::none : Fault::not_finite, value_.number(), {}};
}

std::string GivenValue::describe() const {
  switch (shape()) {
    case Shape::null:
      return "nothing";
    case Shape::list:
      return "a list";
    case Shape::map:
      return "a map";
    case Shape::scalar:
      break;
  }
  return value_.is_text() ? fmt::format("the text \"{}\"", value_.text()) : fmt::format("`{}`", written());
}

}  // namespace millrace
