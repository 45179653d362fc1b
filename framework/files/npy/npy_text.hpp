// The dictionary in the header of a NumPy file, which is written in Python's notation.
#pragma once

#include <millrace/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

struct NpyDictionary {
  std::string descr;
  bool is_fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t descr_at = 0, order_at = 0, shape_at = 0;  ///< bytes of the text at which the values begin
};

/// Refuses: names the error and says what is wrong at byte `at` of the text.
using NpyRefusal = std::function<Error(const char* name, std::size_t at, const std::string& what)>;

/// Exactly the three keys, each once, in any order. Takes memory for `most_dimensions` extents and a `descr` of the text's length.
/// Throws what `refuse` returns: npy-header, npy-dtype (a `descr` that is no text: a structure), npy-shape, npy-limit.
NpyDictionary parse_npy_dictionary(std::string_view text, std::size_t most_dimensions, const NpyRefusal& refuse);

}  // namespace millrace
