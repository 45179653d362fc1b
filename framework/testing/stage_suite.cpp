// The checks themselves. Each makes the stage anew for every kind of input, and speaks of the first that goes wrong.
#include "suite_bench.hpp"
#include "suite_contract.hpp"
#include "suite_memory.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>
#include <millrace/testing/stage_suite.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>

namespace millrace::testing {
namespace {

const Scenario kPlain{{8, 8, 8, 8}, {8, 8, 8, 8}}, kOneRow{{1}, {1}}, kEmpty{{8, 8}, {0}, {8, 8}},
    kOdd{{8, 8, 3}, {8, 8, 3}};
const Scenario kManyBlocks{{8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8}}, kThreePasses{{8, 8}, {8, 8}, {8, 8}};
constexpr std::int64_t kMostInjections = 16;

CheckResult passed() { return {}; }
CheckResult not_applicable(std::string why) { return {Verdict::not_applicable, std::move(why), {}, false}; }

std::string text_of(const Error& error) {
  return fmt::format("{}: {}{}{}", error.name(), error.message(), error.help().empty() ? "" : "; help: ", error.help());
}

/// Finding of a body that may throw; what it throws is one, unless it speaks of data.
Finding caught(const std::function<Finding()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::data) throw;
    return text_of(error);
  } catch (const std::exception& error) {
    return fmt::format("an exception that is no millrace::Error: {}", error.what());
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

// A source without its files cannot be tested; a stage that complains of the data it is fed with has failed.
CheckResult over_forms(const SuiteCase& one, const char* help, const std::function<Finding(const InputForm&)>& check) {
  try {
    for (const InputForm& form : forms_of(one).accepted) {
      const Finding finding = caught([&] { return check(form); });
      if (!finding) continue;
      return {Verdict::failed, form.text.empty() ? *finding : fmt::format("{}; given {}", *finding, form.text), help,
              false};
    }
  } catch (const Error& error) {
    if (one.info.kind == StageKind::source)
      return {Verdict::not_applicable, "it needs data that is not there: " + text_of(error), {}, true};
    return {Verdict::failed, text_of(error), help, false};
  }
  return passed();
}

CheckResult check_runs(const SuiteCase& one) {
  try {
    if (const Finding finding = caught([&] { return one.info.make(one.params), Finding(); }))
      return {Verdict::failed, "its constructor throws: " + *finding,
              "let it take whatever fits the descriptor, or give other parameters: --with '{...}'", false};
  } catch (const Error&) {  // data that is not there: told by the pass that needs it
  }
  try {
    const InputForms forms = forms_of(one);
    if (forms.accepted.empty())
      return {Verdict::failed, fmt::format("infer accepts none of the inputs that are declared: {}", forms.refusal),
              "declare what infer accepts, or give parameters that fit it: --with '{...}'", false};
  } catch (const std::exception& error) {
    return {Verdict::failed, error.what(), "throw millrace::Error from infer", false};
  }
  return over_forms(one, "a pass of 4 blocks of 8 rows, twice, has to go through",
                    [&](const InputForm& form) -> Finding {
                      Bench bench(one, form, kPlain);
                      bench.begin();
                      bench.run();
                      bench.close();
                      return {};
                    });
}

using Judge = Finding (*)(const SuiteCase&, const Bench&);

CheckResult after_plain_passes(const SuiteCase& one, const char* help, Judge judge) {
  if (one.info.spec.outputs().empty() && one.info.spec.any_output() == nullptr)
    return not_applicable("it has no output");
  return over_forms(one, help, [&](const InputForm& form) {
    Bench bench(one, form, kPlain);
    bench.begin();
    bench.run();
    return judge(one, bench);
  });
}

CheckResult check_shape(const SuiteCase& one) {
  return after_plain_passes(one, "let describe, infer and process say the same: dtype, shape, rows", shape_differs);
}

CheckResult check_range(const SuiteCase& one) {
  return after_plain_passes(one, "let infer give the range that process keeps, or none", range_left);
}

CheckResult check_end(const SuiteCase& one) {
  return after_plain_passes(one, "hand on last_in_epoch of the input, with the last packet of each output",
                            [](const SuiteCase& c, const Bench& bench) { return pass_not_ended(c, bench, kPlain); });
}

// What goes well with plain blocks has to go well with these.
CheckResult check_scenario(const SuiteCase& one, const Scenario& scenario, const char* help) {
  if (one.info.kind == StageKind::source) return not_applicable("a source cuts its own blocks");
  return over_forms(one, help, [&](const InputForm& form) {
    Bench bench(one, form, scenario);
    bench.begin();
    bench.run();
    Finding finding = shape_differs(one, bench);
    if (!finding) finding = range_left(one, bench);
    return finding ? finding : pass_not_ended(one, bench, scenario);
  });
}

CheckResult check_one_row(const SuiteCase& one) {
  return check_scenario(one, kOneRow, "passes of a single row have to work");
}

CheckResult check_empty_epoch(const SuiteCase& one) {
  return check_scenario(one, kEmpty,
                        "a pass of no rows is one block of 0 rows with last_in_epoch; it ends as any other");
}

CheckResult check_odd_batch(const SuiteCase& one) {
  return check_scenario(one, kOdd,
                        "the last block of a pass has fewer rows than the others; take packet.rows, not max_rows");
}

struct Seen {
  std::vector<std::string> packets;
  std::vector<std::string> news;
};

Seen seen_of(const Bench& bench) {
  Seen seen{lines_of(bench.all_sent()), {bench.printed}};
  for (const Metrics& metrics : bench.reported_metrics)
    for (const auto& [name, value] : metrics.values)
      seen.news.push_back(fmt::format("{} {}={}", metrics.epoch, name, value));
  if (bench.reported_model) seen.news.push_back(bench.reported_model->weights_sha256());
  return seen;
}

Finding differs(const Seen& first, const Seen& second, const std::string& how) {
  if (first.packets.size() != second.packets.size())
    return fmt::format("{}, then {} {}", counted(first.packets.size(), "packet"), second.packets.size(), how);
  for (std::size_t i = 0; i < first.packets.size(); ++i)
    if (first.packets[i] != second.packets[i])
      return fmt::format("packet {} of {} differs {}", i + 1, first.packets.size(), how);
  return first.news == second.news ? Finding() : fmt::format("what it reports differs {}", how);
}

Seen run_once(const SuiteCase& one, const InputForm& form, const Scenario& scenario, bool on_many_threads) {
  Bench bench(one, form, scenario);
  bench.begin();
  bench.run(on_many_threads);
  return seen_of(bench);
}

CheckResult check_repeat(const SuiteCase& one) {
  return over_forms(one, "let nothing but inputs, parameters and ctx.random() decide: no clock, no address, no global",
                    [&](const InputForm& form) {
                      return differs(run_once(one, form, kPlain, false), run_once(one, form, kPlain, false),
                                     "in a second run with the same inputs");
                    });
}

Finding transform_differs(const SuiteCase& one, const InputForm& form) {
  const Seen expected = run_once(one, form, kManyBlocks, false);
  for (const std::size_t threads : {1, 2, 4}) {
    Bench bench(one, form, kManyBlocks);
    bench.begin();
    bench.run_out_of_order(threads);
    if (Finding finding =
            differs(expected, seen_of(bench), fmt::format("with {}, out of order", counted(threads, "thread"))))
      return finding;
  }
  return {};
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

// Rows of a pass behind one another, whatever packets they came in.
using Rows = std::map<std::string, std::string>;

Rows rows_of(const Bench& bench) {
  Rows rows;
  for (const Sent& sent : bench.all_sent())
    for (const Field& field : sent.packet.fields)
      rows[fmt::format("`{}` of pass {}", sent.port, sent.packet.header.epoch) +
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
  Bench bench(one, form, scenario);
  bench.begin();
  bench.run();
  return rows_of(bench);
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

CheckResult check_inputs_kept(const SuiteCase& one) {
  if (one.info.kind == StageKind::source) return not_applicable("a source has no inputs");
  return over_forms(one, "write to what ctx.allocate gives, never to a tensor that came in: others read it too",
                    [&](const InputForm& form) -> Finding {
                      Bench bench(one, form, kPlain);
                      bench.begin();
                      const auto before = fed_to(bench);
                      bench.run();
                      const auto after = fed_to(bench);
                      for (std::size_t i = 0; i < before.size(); ++i)
                        if (before[i] != after[i])
                          return fmt::format("a tensor of input {} has other bytes after process",
                                             before[i].substr(0, before[i].find(' ')));
                      return {};
                    });
}

CheckResult check_leaks(const SuiteCase& one) {
  return over_forms(one, "give up in close() what open and process took, and keep nothing of a pass beyond it",
                    [&](const InputForm& form) {
                      Bench bench(one, form, kPlain);
                      bench.begin();
                      bench.run();
                      bench.drop_all();
                      bench.close();
                      const Finding finding = still_held(bench, "after close()");
                      return finding ? finding : heap_grows(one, form);
                    });
}

// The n-th use of the context throws. True when it came that far.
Finding fails_cleanly(const SuiteCase& one, const InputForm& form, std::int64_t use) {
  Bench bench(one, form, kPlain);
  bench.begin();
  bench.fail_at(use);
  bool threw = false;
  try {
    bench.run();
  } catch (...) {
    threw = true;
  }
  if (bench.has_injected() && !threw)
    return "an error of the context did not come out of process: it was caught and dropped";
  bench.fail_at(0);
  bench.drop_all();
  bench.close();
  return still_held(bench, fmt::format("after an error at use {} of its context and close(),", use));
}

CheckResult check_throws(const SuiteCase& one) {
  return over_forms(
      one, "release what members hold in close(), which is called after a failure too, and let errors pass",
      [&](const InputForm& form) -> Finding {
        Bench whole(one, form, kPlain), part(one, form, kPlain);
        whole.begin();
        whole.fail_at(0);
        whole.run();
        const std::int64_t uses = std::min(whole.uses(), kMostInjections);
        part.begin();
        part.run_part();
        part.drop_all();
        part.close();
        if (Finding finding = still_held(part, "after a failure elsewhere, in the middle of a pass, and close(),"))
          return finding;
        for (std::int64_t use = 1; use <= uses; ++use)
          if (Finding finding = fails_cleanly(one, form, use)) return finding;
        return {};
      });
}

Seen last_pass(Bench& bench) {
  bench.sent.assign(bench.calls.size(), {});
  bench.reported_metrics.clear();
  bench.printed.clear();
  bench.run_pass(2);
  return seen_of(bench);
}

std::string state_text(const Bench& bench) {
  std::string text;
  const StageState state = bench.save();
  for (const auto& [name, bytes] : state.entries()) text += fmt::format("{} {}\n", name, sha256_hex(std::span(bytes)));
  return text;
}

Finding state_differs(const SuiteCase& one, const InputForm& form) {
  const bool saves = one.info.spec.state() == StateKind::checkpointable;
  Bench kept(one, form, kThreePasses), fresh(one, form, kThreePasses, 3);
  kept.begin();
  kept.run_pass(0);
  kept.run_pass(1);
  const StageState state = kept.save();
  fresh.begin();
  if (saves) fresh.load(state);
  const std::string how =
      saves ? "after the state was saved and loaded" : "in a stage that starts at that pass; it is declared stateless";
  if (Finding finding = differs(last_pass(kept), last_pass(fresh), how)) return "in pass 3, " + *finding;
  if (state_text(kept) != state_text(fresh)) return "what it saves after pass 3 differs " + how;
  return {};
}

CheckResult check_state(const SuiteCase& one) {
  if (one.info.spec.state() == StateKind::volatile_) return not_applicable("its state is declared volatile");
  return over_forms(one,
                    "save and load every member that a later pass depends on, or declare StateKind::checkpointable",
                    [&](const InputForm& form) { return state_differs(one, form); });
}

}  // namespace

const std::vector<SuiteCheck>& suite_checks() {
  static const std::vector<std::string> kSound{"runs", "shape-differs", "range-left", "pass-not-ended"};
  static const std::vector<std::string> kSteady{"runs", "repeat-differs"};
  static const std::vector<SuiteCheck> kChecks{
      {"runs", {}, check_runs},
      {"shape-differs", {"runs"}, check_shape},
      {"range-left", {"runs", "shape-differs"}, check_range},
      {"pass-not-ended", {"runs"}, check_end},
      {"one-row", kSound, check_one_row},
      {"empty-epoch", kSound, check_empty_epoch},
      {"odd-last-batch", kSound, check_odd_batch},
      {"repeat-differs", {"runs"}, check_repeat},
      {"thread-count-matters", kSteady, check_threads},
      {"block-size-matters", {"runs", "repeat-differs", "odd-last-batch"}, check_blocks},
      {"input-modified", {"runs"}, check_inputs_kept},
      {"memory-leaks", {"runs"}, check_leaks},
      {"throw-leaves-packet", {"runs", "memory-leaks"}, check_throws},
      {"state-differs", kSteady, check_state},
  };
  return kChecks;
}

}  // namespace millrace::testing
