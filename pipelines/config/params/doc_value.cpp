// Adapts a DocNode to WrittenValue; numbers are read by the rules of a config's text, fractions such as 1/255 included.
#include "doc_value.hpp"

#include "config/document/scalars.hpp"
#include "diagnostics/printable_text.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

WrittenNumber::Fault fault_of(NumberFault fault) {
  using Fault = WrittenNumber::Fault;
  switch (fault) {
    case NumberFault::none:
      return Fault::none;
    case NumberFault::not_a_number:
      return Fault::not_a_number;
    case NumberFault::leading_zero:
      return Fault::leading_zero;
    case NumberFault::not_finite:
      return Fault::not_finite;
    case NumberFault::too_large:
      return Fault::too_large;
    case NumberFault::zero_denominator:
      break;
  }
  return Fault::zero_denominator;
}

}  // namespace

WrittenValue::Shape DocValue::shape() const {
  switch (node_.kind) {
    case DocNode::Kind::scalar:
      return Shape::scalar;
    case DocNode::Kind::list:
      return Shape::list;
    case DocNode::Kind::map:
      return Shape::map;
    case DocNode::Kind::null:
      break;
  }
  return Shape::null;
}

std::unique_ptr<WrittenValue> DocValue::at(std::size_t index) const {
  return std::make_unique<DocValue>(node_.is_list() ? node_.items[index] : node_.members[index].value);
}

std::optional<bool> DocValue::boolean() const { return node_.quoted ? std::nullopt : read_boolean(node_.text); }

// What stands in quotes is a text, whatever it says.
WrittenNumber DocValue::number() const {
  if (node_.quoted) return {WrittenNumber::Fault::not_a_number, 0, {}};
  const NumberReading reading = read_number(node_.text);
  return {fault_of(reading.fault), reading.value, reading.integer};
}

std::string DocValue::written() const { return pipelines::shown(node_.text); }

std::string DocValue::describe() const { return kind_of(node_); }

std::string DocValue::shown(std::string_view name) const { return pipelines::shown(name); }

std::string kind_of(const DocNode& node) {
  switch (node.kind) {
    case DocNode::Kind::null:
      return "nothing";
    case DocNode::Kind::list:
      return "a list";
    case DocNode::Kind::map:
      return "a map";
    case DocNode::Kind::scalar:
      break;
  }
  return node.quoted ? fmt::format("the text \"{}\"", shown(node.text)) : fmt::format("`{}`", shown(node.text));
}

}  // namespace millrace::pipelines
