// A static initializer registers dnnl_version() and the effective instruction set, so that framework/core needs no header of oneDNN.
#include "onednn_library.hpp"

#include <dnnl.h>
#include <fmt/format.h>

#include <string>

namespace millrace::cpu {
namespace {

struct IsaName {
  dnnl_cpu_isa_t isa;
  const char* name;
};
constexpr IsaName kIsas[] = {
    {dnnl_cpu_isa_sse41, "sse41"},
    {dnnl_cpu_isa_avx, "avx"},
    {dnnl_cpu_isa_avx2, "avx2"},
    {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
    {dnnl_cpu_isa_avx512_core, "avx512_core"},
    {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
    {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
    {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"},
};

// Asking makes the library decide, so that a plugin or a variable that changes later changes no bits.
std::string isa_text() {
  const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
  std::string text = fmt::format("isa 0x{:x}", static_cast<unsigned>(isa));
  for (const IsaName& known : kIsas)
    if (known.isa == isa) text = known.name;
  return dnnl_get_cpu_isa_hints() == dnnl_cpu_isa_prefer_ymm ? text + " prefer_ymm" : text;
}

[[maybe_unused]] const bool kRegistered = [] {
  register_product_library(&onednn_library);
  return true;
}();

}  // namespace

ProductLibrary onednn_library() {
  const dnnl_version_t* v = dnnl_version();
  return {fmt::format("{}.{}.{}", v->major, v->minor, v->patch), isa_text()};
}

}  // namespace millrace::cpu
