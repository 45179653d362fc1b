// One override's path, walked along the types of parameters.
#pragma once

#include "config/document/document.hpp"

#include <millrace/param.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct PathSegment {
  std::string text;
  Location where;
};
using Path = std::span<const PathSegment>;

/// `PATH=VALUE`, `PATH+=VALUE` for a list, `PATH=null`; an empty VALUE is a mistake and removes nothing.
enum class Edit : std::uint8_t { set, append, remove };

/// Sets a value inside a parameter, making the maps on the way; null takes an item of a list away. A path that the type does not know
/// is reported.
class TypedPath {
 public:
  TypedPath(const DocNode& value, Edit edit, Diagnostics& diagnostics)
      : value_(value), edit_(edit), diagnostics_(diagnostics) {}

  /// `path` starts with a parameter's name. `owner` names what has the parameters: "one_hot".
  void set_param(DocNode& map, const std::vector<Param>& params, const std::string& owner, Path path);
  /// `is_item`: of a list, whose items keep their kind: the path names an item by where it stands, and may have been miscounted.
  void set_value(DocNode& node, const ParamType& type, const PathSegment& owner, Path path, bool is_item = false);
  /// Without a type, as for a stage that is not known.
  void set_untyped(DocNode& node, Path path);
  void unknown(const PathSegment& at, const std::string& message, std::string help);
  bool removes() const { return edit_ == Edit::remove; }
  /// The value is what a node looks like.
  bool sets_a_node() const { return value_.find("stage") != nullptr || value_.find("chain") != nullptr; }
  std::string value_text() const;

 private:
  void edit(DocNode& node, const PathSegment& at);
  void set_item(DocNode& list, const ParamType& type, const PathSegment& owner, Path path);
  void set_alternative(DocNode& node, const ParamType& type, Path path, bool is_item);
  std::string help_for_items(const DocNode& list, const ParamType& type, Path path) const;
  void refuse_to_switch(const std::string& is, Path path);
  void refuse_to_unset(const std::vector<Alternative>& all, const PathSegment& name);

  const DocNode& value_;
  Edit edit_;
  Diagnostics& diagnostics_;
};

/// The member `segment` of a map, made if it is not there; whatever is no map becomes an empty one.
DocMember& member_of(DocNode& map, const PathSegment& segment);
/// A 0-based index, or `size` when the text is none or too large.
std::size_t index_of(const PathSegment& segment, std::size_t size);

}  // namespace millrace::pipelines
