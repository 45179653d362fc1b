// Standard output and standard error of a run, written by a thread of their own.
//
// A reader that takes nothing for a while (a terminal stopped by Ctrl-S, a pager, a full pipe) must not stop the run. What
// is kept until the reader goes on: results and notes, in the order in which they came. The live line is not kept: only its
// newest state is drawn, and none while the terminal takes nothing.
#pragma once

#include "progress_line.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace millrace::pipelines {

/// Safe from any thread. On one terminal the two streams never mix: the live line is removed before anything else is written.
class RunOutput final : public ProgressOutput {
 public:
  /// The most that is kept for a reader that takes nothing; printing more than that waits for the reader.
  static constexpr std::size_t kMostKept = std::size_t{16} << 20U;

  /// Descriptors; they stay open and belong to the caller. Starts the thread.
  RunOutput(int results, int notes);
  /// Writes what is kept, waits for the reader if need be, and ends the thread.
  ~RunOutput() override;
  RunOutput(const RunOutput&) = delete;
  RunOutput& operator=(const RunOutput&) = delete;

  void result(std::string text) override;
  void live(std::string line) override;
  /// A diagnostic. Never waits.
  void note(std::string text) override;
  /// Removes the live line and waits until everything is written.
  void finish();
  /// errno of the first result that could not be written; 0 when all could.
  int write_error() const;

 private:
  struct Piece {
    int descriptor;
    std::string text;
  };
  void keep(int descriptor, std::string text, bool may_wait);
  void work();
  bool has_work() const;
  void write_piece(const Piece& piece);
  void draw(const std::string& line);
  std::string erasing_text();

  const int results_, notes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  ///< something to do for the thread
  std::condition_variable written_;  ///< something has been done by it
  std::deque<Piece> kept_;
  std::size_t kept_bytes_ = 0;
  std::optional<std::string> live_;  ///< the live line to be drawn; empty: to be removed
  bool is_writing_ = false, is_over_ = false;
  int write_error_ = 0;
  std::size_t drawn_columns_ = 0;  ///< width of the live line on the screen; owned by the thread
  std::thread thread_;
};

}  // namespace millrace::pipelines
