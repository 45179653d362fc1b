// Who owns an attempt at something that only one process should do: a run, a trial of a sweep.
#pragma once

#include <millrace/detail/export.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// A claim is a folder, which must be there, with a file for each attempt: "1", "2", ... The highest holds the claim. A file is made by link(2),
/// so that of all processes that want the same number, on any machine, one gets it; nothing is ever removed, so that no number comes twice.
///
/// An attempt is over, and the next one may be taken, when its process has given it back, when it has certainly ended (on this machine and in this
/// container: at once), or when it has not been heard of for longer than its lease. Time is told by whoever keeps the files, by touching one:
/// clocks of machines may differ. A process that was stopped longer than its lease, or cut off, does not know that it has been overtaken.
///
/// Therefore: 1. Everything an attempt writes lies in a folder of its own number. 2. Before each thing that others see (setting a name that says
/// which attempt counts, removing a checkpoint, giving a result) it calls beat(), which throws when it was overtaken. 3. Between this look and the
/// deed it may still be overtaken, so that a deed that only one may do is a commit(), of which the first one counts for ever, and any other must
/// be harmless when done late: such as a rename that names an attempt which is whole.
///
/// One thread at a time. Throws Error("output-unwritable", output) with path and reason.
class MILLRACE_EXPORT Claim {
 public:
  /// The next attempt, if the one before is over; nothing while another holds the claim. `lease` is above 0; the owner beats at least three times
  /// in it. Where that is a claim on something that may be finished already, look for its result when it is taken, not only before.
  static std::optional<Claim> take(const std::string& folder, std::chrono::milliseconds lease);
  Claim(Claim&&) noexcept;
  Claim& operator=(Claim&&) noexcept;
  /// Gives it back, in the process that took it: the next one need not wait.
  ~Claim();

  std::int64_t attempt() const;  ///< counted from 1
  /// A heartbeat: this process lives, and holds the claim. Throws Error("claim-lost", output) when another has taken the next attempt or the
  /// claim's folder has gone.
  void beat();
  /// Makes the file `path` with this content, whole, if this process holds the claim (as beat) and nobody has committed before. False, and nothing
  /// changes, when somebody has: what is in the file counts. After an error look whether it is there.
  [[nodiscard]] bool commit(const std::string& path, std::string_view content);

 private:
  struct State;
  explicit Claim(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Who holds a claim, for messages.
struct ClaimHolder {
  std::int64_t attempt = 0;  ///< the highest; 0 when nobody has taken one
  bool is_over = true;       ///< the next attempt may be taken
  std::string host = {};     ///< empty when its file does not say it
  std::int64_t pid = 0;
  double silent_s = 0;  ///< since its last heartbeat
};

/// Leaves nothing behind; where `folder` may not be written, time is told by this machine's clock.
MILLRACE_EXPORT ClaimHolder claim_holder(const std::string& folder);

}  // namespace millrace
