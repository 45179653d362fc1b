// A YAML document as a tree with positions: what the reader hands to everybody else. No type of yaml-cpp in sight.
#pragma once

#include "diagnostics/diagnostics.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipelines {

struct DocMember;

/// A value of the user's text. Aliases are expanded, `<<` merged, `${...}` replaced.
struct DocNode {
  enum class Kind : std::uint8_t { null, scalar, list, map } kind = Kind::null;
  std::string text;     ///< scalar
  bool quoted = false;  ///< scalar in quotes: always a text
  Location where;
  std::vector<DocNode> items;      ///< list
  std::vector<DocMember> members;  ///< map, in the user's order, keys unique

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  const DocMember* find(std::string_view key) const;
  DocMember* find(std::string_view key);
};

struct DocMember {
  std::string key;
  Location key_where;
  DocNode value;
};

/// Where values come from that nobody wrote: a source named "default".
const Location& default_location();

/// The value and all those in it.
std::size_t count_values(const DocNode&);

}  // namespace millrace::pipelines
