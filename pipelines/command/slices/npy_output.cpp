// The number of rows stands in the header, so it is known before the first one.
#include "npy_output.hpp"

#include <millrace/files/npy.hpp>

#include <vector>

namespace millrace::pipelines {

NpyOutput::NpyOutput(const std::string& path, DType dtype, std::int64_t rows, const RowShape& row_shape) : file_(path) {
  std::vector<std::int64_t> shape{rows};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  file_.write(npy_header_text(npy_type(dtype), shape));
}

}  // namespace millrace::pipelines
