// Fuzz target: any text as what a file says of the use of its model. It is refused by an Error(model-use), or what was read, written again, is read the
// same, and its sizes overflow nothing.
#include <millrace/error.hpp>
#include <millrace/files/model_use.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace millrace;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const ModelUse& use) {
  require(use.model->parameters() > 0 && use.model->outputs() > 0 && use.batch_rows > 0);
  if (use.rows) require(elements_of(use.rows->row_shape) == use.model->inputs);
  const std::string text = model_use_text(use);
  require(model_use_text(parse_model_use(text, "again")) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(parse_model_use(std::string(reinterpret_cast<const char*>(data), size), "fuzz"));
  } catch (const Error& error) {
    require(error.name() == "model-use" && error.kind() == ErrorKind::data);
  }
  return 0;
}
