// Each check writes what two runs sent and reported as lines of text, and compares them line by line.
#include "suite_same_checks.hpp"

#include "suite_check.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/digest.hpp>

#include <fmt/format.h>

#include <map>
#include <span>

namespace millrace::testing {
namespace {

const Scenario kManyBlocks{{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8}}, kThreeEpochs{{8, 8}, {8, 8}, {8, 8}};

struct Observed {
  std::vector<std::string> packets;
  std::vector<std::string> reports;
};

Observed seen_of(const SuiteHarness& harness) {
  Observed seen{lines_of(harness.all_sent()), {harness.printed}};
  for (const Metrics& metrics : harness.reported_metrics)
    for (const auto& [name, value] : metrics.values)
      seen.reports.push_back(fmt::format("{} {}={}", metrics.epoch, name, value));
  if (harness.reported_model) seen.reports.push_back(harness.reported_model->weights_sha256());
  return seen;
}

Finding differs(const Observed& first, const Observed& second, const std::string& how) {
  if (first.packets.size() != second.packets.size())
    return fmt::format("{}, then {} {}", counted(first.packets.size(), "packet"), second.packets.size(), how);
  for (std::size_t i = 0; i < first.packets.size(); ++i)
    if (first.packets[i] != second.packets[i])
      return fmt::format("packet {} of {} differs {}", i + 1, first.packets.size(), how);
  return first.reports == second.reports ? Finding() : fmt::format("what it reports differs {}", how);
}

Observed run_once(const SuiteCase& one, const InputForm& form, const Scenario& scenario, bool on_many_threads) {
  SuiteHarness harness(one, form, scenario);
  harness.begin();
  harness.run(on_many_threads);
  return seen_of(harness);
}

Finding transform_differs(const SuiteCase& one, const InputForm& form) {
  const Observed expected = run_once(one, form, kManyBlocks, false);
  for (const std::size_t threads : {1, 2, 4}) {
    SuiteHarness harness(one, form, kManyBlocks);
    harness.begin();
    harness.run_out_of_order(threads);
    if (Finding finding =
            differs(expected, seen_of(harness), fmt::format("with {}, out of order", counted(threads, "thread"))))
      return finding;
  }
  return {};
}

// Rows of an epoch behind one another, whatever packets they came in.
using Rows = std::map<std::string, std::string>;

Rows rows_of(const SuiteHarness& harness) {
  Rows rows;
  for (const Sent& sent : harness.all_sent())
    for (const Field& field : sent.packet.fields)
      rows[fmt::format("`{}` of epoch {}", sent.port, sent.packet.header.epoch) +
           (field.name == kValueField ? "" : ", field " + field.name)]
          .append(reinterpret_cast<const char*>(field.tensor.bytes()), field.tensor.size_bytes());
  return rows;
}

Finding rows_differ(const Rows& first, const Rows& second, const std::string& how) {
  for (const auto& [name, bytes] : first) {
    const auto it = second.find(name);
    if (it == second.end() || it->second != bytes) return fmt::format("rows of output {} are others {}", name, how);
  }
  return {};
}

Rows rows_after(const SuiteCase& one, const InputForm& form, const Scenario& scenario) {
  SuiteHarness harness(one, form, scenario);
  harness.begin();
  harness.run();
  return rows_of(harness);
}

// A source is told through the parameter that sources have for it.
CheckResult check_source_blocks(const SuiteCase& one) {
  const ParamValue* block_rows = one.params.find("block_rows");
  if (block_rows == nullptr || !block_rows->is_integer())
    return not_applicable("the source has no parameter `block_rows` that would vary its blocks");
  return over_forms(
      one, "rows, their order and their ids must not depend on block_rows", [&](const InputForm& form) -> Finding {
        const Rows expected = rows_after(one, form, kPlain);
        for (const std::int64_t rows : {std::int64_t{3}, block_rows->integer() + 1}) {
          SuiteCase other = one;
          ParamValue::Map params = one.params.map();
          for (auto& [name, value] : params)
            if (name == "block_rows") value = rows;
          other.params = params;
          if (Finding finding =
                  rows_differ(expected, rows_after(other, form, kPlain), fmt::format("with block_rows {}", rows)))
            return finding;
        }
        return {};
      });
}

/// What is sent and reported from now on is all that will be seen.
void forget(SuiteHarness& harness) {
  harness.sent.assign(harness.calls.size(), {});
  harness.reported_metrics.clear();
  harness.printed.clear();
}

Observed last_epoch(SuiteHarness& harness) {
  forget(harness);
  harness.run_epoch(2);
  return seen_of(harness);
}

std::string state_text(const SuiteHarness& harness) {
  std::string text;
  const StageState state = harness.save();
  for (const auto& [name, bytes] : state.entries()) text += fmt::format("{} {}\n", name, sha256_hex(std::span(bytes)));
  return text;
}

Finding state_differs(const SuiteCase& one, const InputForm& form) {
  const bool saves = one.info.spec.state() != StateKind::stateless;
  SuiteHarness kept(one, form, kThreeEpochs), fresh(one, form, kThreeEpochs, 3);
  kept.begin();
  kept.run_epoch(0);
  kept.run_epoch(1);
  const StageState state = kept.save();
  fresh.begin();
  if (saves) fresh.load(state);
  const std::string how =
      saves ? "after the state was saved and loaded" : "in a stage that starts at that epoch; it is declared stateless";
  if (Finding finding = differs(last_epoch(kept), last_epoch(fresh), how)) return "in epoch 3, " + *finding;
  if (state_text(kept) != state_text(fresh)) return "what it saves after epoch 3 differs " + how;
  return {};
}

/// A stage whose state was saved behind call `stop` of epoch 2, against one into which it was loaded and which is given the whole epoch.
Finding goes_on_otherwise(const SuiteCase& one, const InputForm& form, std::size_t stop) {
  SuiteHarness kept(one, form, kThreeEpochs), fresh(one, form, kThreeEpochs, 2);
  kept.begin();
  kept.run_epoch(0);
  kept.run_calls(1, 0, stop);
  const StageState state = kept.save();
  forget(kept);
  kept.run_calls(1, stop, kept.calls_in(1));
  kept.run_epoch(2);
  fresh.begin();
  fresh.load(state);
  fresh.run_epoch(1);
  fresh.run_epoch(2);
  const std::string how =
      fmt::format("when its state of behind call {} of epoch 2 was loaded and that epoch came again", stop);
  if (Finding finding = differs(seen_of(kept), seen_of(fresh), how)) return finding;
  return state_text(kept) == state_text(fresh) ? Finding() : "what it saves after epoch 3 differs " + how;
}

Finding resumes_otherwise(const SuiteCase& one, const InputForm& form) {
  if (one.info.spec.state() != StateKind::resumable) return {};
  const std::size_t calls = SuiteHarness(one, form, kThreeEpochs).calls_in(1);
  for (std::size_t stop = 1; stop < calls; ++stop)
    if (Finding finding = goes_on_otherwise(one, form, stop)) return finding;
  return {};
}

}  // namespace

CheckResult check_repeat(const SuiteCase& one) {
  return over_forms(one, "let nothing but inputs, parameters and ctx.random() decide: no clock, no address, no global",
                    [&](const InputForm& form) {
                      return differs(run_once(one, form, kPlain, false), run_once(one, form, kPlain, false),
                                     "in a second run with the same inputs");
                    });
}

CheckResult check_threads(const SuiteCase& one) {
  return over_forms(
      one, "keep nothing between calls: a Transform's members are set before process, and thread_local is none",
      [&](const InputForm& form) {
        if (one.info.kind == StageKind::transform) return transform_differs(one, form);
        return differs(run_once(one, form, kPlain, false), run_once(one, form, kPlain, true),
                       "when each call comes on another thread");
      });
}

CheckResult check_blocks(const SuiteCase& one) {
  if (one.info.kind == StageKind::source) return check_source_blocks(one);
  if (one.info.kind == StageKind::serial && one.info.spec.batch_rows_param().empty())
    return not_applicable("a serial stage that does not cut batches may give a packet a meaning of its own");
  if (one.info.spec.do_rows_depend_on_packet())
    return not_applicable("it says rows_depend_on_packet(), and is refused in runs over several processes");
  return over_forms(
      one,
      "let a row depend on itself alone, with no mean, order or count over the block, or say rows_depend_on_packet()",
      [&](const InputForm& form) -> Finding {
        const Rows expected = rows_after(one, form, kPlain);
        for (const Scenario& cut : {Scenario{{16, 16}, {16, 16}}, Scenario{{5, 9, 2, 16}, {29, 3}}})
          if (Finding finding = rows_differ(expected, rows_after(one, form, cut), "when its blocks are cut elsewhere"))
            return finding;
        return {};
      });
}

CheckResult check_state(const SuiteCase& one) {
  if (one.info.spec.state() == StateKind::volatile_) return not_applicable("its state is declared volatile");
  return over_forms(one, "save and load every member that a later epoch depends on, or declare it as StateKind has it",
                    [&](const InputForm& form) {
                      const Finding finding = state_differs(one, form);
                      return finding ? finding : resumes_otherwise(one, form);
                    });
}

}  // namespace millrace::testing
