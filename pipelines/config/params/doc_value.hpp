// A value of a config's text, as the check of parameters reads it.
#pragma once

#include "config/document/document.hpp"

#include <millrace/detail/written_value.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// `node` must outlive this.
class DocValue final : public WrittenValue {
 public:
  explicit DocValue(const DocNode& node) : node_(node) {}
  Shape shape() const override;
  std::size_t size() const override { return node_.is_list() ? node_.items.size() : node_.members.size(); }
  const std::string& key(std::size_t member) const override { return node_.members[member].key; }
  std::unique_ptr<WrittenValue> at(std::size_t index) const override;
  std::optional<bool> boolean() const override;
  /// Of every scalar, quoted or not.
  std::optional<std::string> text() const override { return node_.text; }
  WrittenNumber number() const override;
  std::string written() const override;
  std::string describe() const override;
  std::string shown(std::string_view name) const override;

 private:
  const DocNode& node_;
};

/// A node of the text in words: "a list", "`3`", "the text \"3\"".
std::string kind_of(const DocNode& node);

}  // namespace millrace::pipelines
