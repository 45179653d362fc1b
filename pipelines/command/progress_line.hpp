// The progress of a run: on a terminal one line an epoch, redrawn in place and kept at its end; elsewhere one plain line an epoch.
#pragma once

#include "run/runner.hpp"
#include "terminal.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// The line of an epoch that is over. `last` is its last step, or null when nothing was trained; `limit` is "learn 96%" or "".
std::string epoch_line(const Metrics& metrics, const StepProgress* last, std::uint32_t epochs, const std::string& limit,
                       const TerminalStyle& style);

class ProgressLine final : public RunObserver {
 public:
  using Write = std::function<void(std::string_view)>;
  using Clock = std::function<double()>;  ///< seconds

  /// `note` takes the progress, `result` what stages print. `epochs` is what the config asks for.
  ProgressLine(TerminalStyle style, std::uint32_t epochs, Write note, Write result, Clock clock);

  void step(const std::string& node, const StepProgress& progress) override;
  void epoch(const Metrics& metrics, bool complete) override;
  void print(std::string_view text) override;
  void busy(const std::map<std::string, double>& seconds_by_node) override;
  /// Removes what is half drawn. Call it after the run.
  void finish();

 private:
  void draw(const std::string& line);
  void clear();

  TerminalStyle style_;
  std::uint32_t epochs_;
  Write note_, result_;
  Clock clock_;
  std::map<std::uint32_t, StepProgress> last_steps_;  ///< of the epochs that are not over
  std::map<std::string, double> busy_;                ///< up to the epoch before
  double busy_since_;
  std::string limit_;  ///< the node that worked most during the epoch that just ended
  double drawn_at_;
  bool is_drawn_ = false;
};

}  // namespace millrace::pipelines
