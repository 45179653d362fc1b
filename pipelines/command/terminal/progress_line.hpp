// The progress of a run: a live line that is drawn again and again on a terminal, and one line for each epoch that is over.
#pragma once

#include "epoch_text.hpp"
#include "run/report/run_observer.hpp"
#include "terminal.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// Where it goes. Results are kept, whole lines; the live line replaces the one before, and an empty one removes it.
class ProgressOutput {
 public:
  virtual ~ProgressOutput() = default;
  virtual void result(std::string text) = 0;
  virtual void live(std::string line) = 0;
  /// A diagnostic.
  virtual void note(std::string text) = 0;
};

struct ProgressOptions {
  std::uint32_t epochs = 0;           ///< what the config asks for
  std::uint32_t every = 0;            ///< a line for each so many epochs; 0: for each, on a terminal not too many
  bool quiet = false;                 ///< nothing but what stages print
  bool validates = false;             ///< a node measures the model of an epoch when it has been trained
  std::vector<std::string> trainers;  ///< nodes that train, in the order of the graph
  std::function<TerminalStyle()> live_style, result_style;  ///< asked at each line, since a window changes its width
  std::function<double()> clock;                            ///< seconds
};

/// A warning as it is shown while a run lasts.
std::string warning_note(const RunWarning& warning, Look look);

class ProgressLine final : public RunObserver {
 public:
  ProgressLine(ProgressOptions options, ProgressOutput& output);

  void step(const std::string& node, const StepProgress& progress) override;
  void epoch(const Metrics& metrics, bool complete) override;
  void print(std::string_view text) override;
  void warning(const RunWarning& warning) override;
  void ending(const RunFailure& failure) override;
  void busy(const std::map<std::string, double>& seconds_by_node) override;
  /// Shows the last epoch, if its line was left out. Call it after the run.
  void finish() override;

 private:
  EpochSteps steps_of(std::uint32_t epoch) const;
  bool has_trained(const std::string& node, std::uint32_t epoch) const;
  bool has_trained(std::uint32_t epoch) const;
  bool is_due(std::uint32_t epoch) const;
  void show(const std::string& line);
  void draw();
  void draw_if_due();

  ProgressOptions options_;
  ProgressOutput& output_;
  std::map<std::uint32_t, std::map<std::string, StepProgress>> steps_;  ///< last ones, of the epochs that are not over
  std::map<std::string, double> busy_;                                  ///< up to the epoch before
  double busy_since_;
  std::string limit_;  ///< the node that worked most during the epoch that just ended
  double drawn_at_, shown_at_;
  std::string left_out_;  ///< the line of the last epoch, when it was not due
};

}  // namespace millrace::pipelines
