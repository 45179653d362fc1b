#include "suite_memory.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/digest.hpp>

#include <fmt/format.h>
#include <malloc.h>

namespace millrace::testing {
namespace {

// Passes between two looks at the heap, and how often it has to have grown.
constexpr std::size_t kWindow = 8, kWindows = 4;

std::size_t heap_bytes() {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;  // a sanitizer's heap keeps no such account; it has a leak check of its own
#endif
}

}  // namespace

Finding still_held(const Bench& bench, const std::string& when) {
  if (bench.packets_held() == 0 && bench.bytes_held() == 0) return {};
  return fmt::format("{} the stage still holds {} and {}", when, counted(bench.packets_held(), "packet"),
                     counted(bench.bytes_held(), "byte"));
}

std::vector<std::string> fed_to(const Bench& bench) {
  std::vector<std::string> digests;
  for (const Call& call : bench.calls)
    for (const auto& [port, packet] : call.packets)
      for (const Field& field : packet.fields) {
        digests.push_back(
            fmt::format("`{}` {}", port, sha256_hex(std::span(field.tensor.bytes(), field.tensor.size_bytes()))));
        digests.push_back(fmt::format("`{}` {}", port, sha256_hex(std::as_bytes(field.tensor.f32()))));
      }
  return digests;
}

// Memory that the contexts know nothing of shows by growing for ever. The C library takes up freed memory in lots of up to eight
// blocks, so what one pass loses may show some passes later: windows of eight passes are compared.
Finding heap_grows(const SuiteCase& one, const InputForm& form) {
  Bench bench(one, form, Scenario(kWindow * (kWindows + 1), {8, 8}));
  fed_to(bench);  // decodes every input: the copies belong to the tensors and would look like growth
  bench.begin();
  std::vector<std::size_t> bytes;
  bytes.reserve(kWindows + 1);
  for (std::size_t pass = 0; pass < kWindow * (kWindows + 1); ++pass) {
    bench.run_pass(pass);
    for (std::vector<Sent>& call : bench.sent) std::vector<Sent>().swap(call);
    if (one.info.kind == StageKind::source) std::vector<std::vector<Sent>>().swap(bench.sent);
    std::vector<Metrics>().swap(bench.reported_metrics);
    std::string().swap(bench.printed);
    if (pass % kWindow == kWindow - 1) bytes.push_back(heap_bytes());
  }
  for (std::size_t i = 1; i < bytes.size(); ++i)
    if (bytes[i] <= bytes[i - 1]) return {};
  return fmt::format("the heap grows without end: by {} in {} passes", counted(bytes.back() - bytes.front(), "byte"),
                     kWindow * kWindows);
}

}  // namespace millrace::testing
