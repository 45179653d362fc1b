// What a stage holds, and whether it keeps its hands off what others hold.
#include "suite_memory_checks.hpp"

#include "suite_check.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/digest.hpp>

#include <fmt/format.h>
#include <malloc.h>

namespace millrace::testing {
namespace {

// Epochs between two looks at the heap, and how often it has to have grown.
constexpr std::size_t kWindow = 8, kWindows = 4;

std::size_t heap_bytes() {
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;  // a sanitizer's heap keeps no such account; it has a leak check of its own
#endif
}

Finding still_held(const SuiteHarness& harness, const std::string& when) {
  if (harness.packets_held() == 0 && harness.bytes_held() == 0) return {};
  return fmt::format("{} the stage still holds {} and {}", when, counted(harness.packets_held(), "packet"),
                     counted(harness.bytes_held(), "byte"));
}

std::vector<std::string> fed_to(const SuiteHarness& harness) {
  std::vector<std::string> digests;
  for (const Call& call : harness.calls)
    for (std::size_t i = 0; i < call.packets.size(); ++i)
      for (const Field& field : call.packets[i].fields) {
        const std::string& port = harness.input_ports.name(i);
        digests.push_back(
            fmt::format("`{}` {}", port, sha256_hex(std::span(field.tensor.bytes(), field.tensor.size_bytes()))));
        digests.push_back(fmt::format("`{}` {}", port, sha256_hex(std::as_bytes(field.tensor.f32()))));
      }
  return digests;
}

// Memory that the contexts know nothing of shows by growing for ever. The C library takes up freed memory in lots of up to eight
// blocks, so what one epoch loses may show some epochs later: windows of eight epochs are compared.
Finding heap_grows(const SuiteCase& one, const InputForm& form) {
  SuiteHarness harness(one, form, Scenario(kWindow * (kWindows + 1), {8, 8}));
  fed_to(harness);  // decodes every input: the copies belong to the tensors and would look like growth
  harness.begin();
  std::vector<std::size_t> bytes;
  bytes.reserve(kWindows + 1);
  for (std::size_t epoch = 0; epoch < kWindow * (kWindows + 1); ++epoch) {
    harness.run_epoch(epoch);
    for (std::vector<Sent>& call : harness.sent) std::vector<Sent>().swap(call);
    if (one.info.kind == StageKind::source) std::vector<std::vector<Sent>>().swap(harness.sent);
    std::vector<Metrics>().swap(harness.reported_metrics);
    std::string().swap(harness.printed);
    if (epoch % kWindow == kWindow - 1) bytes.push_back(heap_bytes());
  }
  for (std::size_t i = 1; i < bytes.size(); ++i)
    if (bytes[i] <= bytes[i - 1]) return {};
  return fmt::format("the heap grows without end: by {} in {} epochs", counted(bytes.back() - bytes.front(), "byte"),
                     kWindow * kWindows);
}

constexpr std::int64_t kMostInjections = 16;

// The n-th use of the context throws. True when it came that far.
Finding fails_cleanly(const SuiteCase& one, const InputForm& form, std::int64_t use) {
  SuiteHarness harness(one, form, kPlain);
  harness.begin();
  harness.fail_at(use);
  bool threw = false;
  try {
    harness.run();
  } catch (...) {
    threw = true;
  }
  if (harness.has_injected() && !threw)
    return "an error of the context did not come out of process: it was caught and dropped";
  harness.fail_at(0);
  harness.drop_all();
  harness.close();
  return still_held(harness, fmt::format("after an error at use {} of its context and close(),", use));
}

}  // namespace

CheckResult check_inputs_kept(const SuiteCase& one) {
  if (one.info.kind == StageKind::source) return not_applicable("a source has no inputs");
  return over_forms(one, "write to what ctx.allocate gives, never to a tensor that came in: others read it too",
                    [&](const InputForm& form) -> Finding {
                      SuiteHarness harness(one, form, kPlain);
                      harness.begin();
                      const auto before = fed_to(harness);
                      harness.run();
                      const auto after = fed_to(harness);
                      for (std::size_t i = 0; i < before.size(); ++i)
                        if (before[i] != after[i])
                          return fmt::format("a tensor of input {} has other bytes after process",
                                             before[i].substr(0, before[i].find(' ')));
                      return {};
                    });
}

CheckResult check_leaks(const SuiteCase& one) {
  return over_forms(one, "give up in close() what open and process took, and keep nothing of an epoch beyond it",
                    [&](const InputForm& form) {
                      SuiteHarness harness(one, form, kPlain);
                      harness.begin();
                      harness.run();
                      harness.drop_all();
                      harness.close();
                      const Finding finding = still_held(harness, "after close()");
                      return finding ? finding : heap_grows(one, form);
                    });
}

CheckResult check_throws(const SuiteCase& one) {
  return over_forms(
      one, "release what members hold in close(), which is called after a failure too, and let errors pass",
      [&](const InputForm& form) -> Finding {
        SuiteHarness whole(one, form, kPlain), part(one, form, kPlain);
        whole.begin();
        whole.fail_at(0);
        whole.run();
        const std::int64_t uses = std::min(whole.uses(), kMostInjections);
        part.begin();
        part.run_part();
        part.drop_all();
        part.close();
        if (Finding finding = still_held(part, "after a failure elsewhere, in the middle of an epoch, and close(),"))
          return finding;
        for (std::int64_t use = 1; use <= uses; ++use)
          if (Finding finding = fails_cleanly(one, form, use)) return finding;
        return {};
      });
}

}  // namespace millrace::testing
