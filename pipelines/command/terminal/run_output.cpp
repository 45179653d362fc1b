// One thread writes everything, so that a reader who waits stops nobody else.
#include "run_output.hpp"

#include "progress_text.hpp"
#include "terminal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace millrace::pipelines {

RunOutput::RunOutput(int results, int notes) : results_(results), notes_(notes), thread_([this] { work(); }) {}

RunOutput::~RunOutput() {
  finish();
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void RunOutput::result(std::string text) { keep(results_, std::move(text), true); }

void RunOutput::note(std::string text) { keep(notes_, std::move(text), false); }

void RunOutput::live(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    live_ = std::move(line);
  }
  changed_.notify_one();
}

void RunOutput::finish() {
  live({});
  std::unique_lock lock(mutex_);
  written_.wait(lock, [this] { return !has_work() && !is_writing_; });
}

int RunOutput::write_error() const {
  const std::lock_guard lock(mutex_);
  return write_error_;
}

void RunOutput::keep(int descriptor, std::string text, bool may_wait) {
  std::unique_lock lock(mutex_);
  if (may_wait) written_.wait(lock, [this] { return kept_bytes_ < kMostKept; });
  kept_bytes_ += text.size();
  kept_.push_back({descriptor, std::move(text)});
  changed_.notify_one();
}

bool RunOutput::has_work() const { return !kept_.empty() || live_.has_value(); }

// Kept pieces first: a live line that waits behind them is drawn below them, in its newest state.
void RunOutput::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return has_work() || is_over_; });
    if (!has_work()) return;
    is_writing_ = true;
    if (!kept_.empty()) {
      const Piece piece = std::move(kept_.front());
      kept_.pop_front();
      lock.unlock();
      write_piece(piece);
      lock.lock();
      kept_bytes_ -= piece.text.size();
    } else {
      const std::string line = *std::exchange(live_, std::nullopt);
      lock.unlock();
      draw(line);
      lock.lock();
    }
    is_writing_ = false;
    written_.notify_all();
  }
}

void RunOutput::write_piece(const Piece& piece) {
  write_all(notes_, erasing_text());
  errno = 0;
  if (write_all(piece.descriptor, piece.text) || piece.descriptor != results_) return;
  const int error = errno;
  const std::lock_guard lock(mutex_);
  if (write_error_ == 0) write_error_ = error;
}

// The last word, that nothing is to be there, is worth waiting for. A terminal may show a new width before it tells it, so the
// line is drawn without wrapping (DECAWM): else each redraw would leave a row behind.
void RunOutput::draw(const std::string& line) {
  if (!line.empty() && !takes_text(notes_)) return;
  write_all(notes_, line.empty() ? erasing_text() : erasing_text() + "\x1b[?7l" + line + "\x1b[?7h");
  drawn_columns_ = columns_of_text(line);
}

// A terminal that has become narrower shows the line on several rows; all of them go.
std::string RunOutput::erasing_text() {
  const std::size_t drawn = std::exchange(drawn_columns_, 0);
  if (drawn == 0) return {};
  const std::size_t rows_above = (drawn - 1) / static_cast<std::size_t>(columns_of(notes_));
  return rows_above == 0 ? "\r\x1b[K" : fmt::format("\x1b[{}A\r\x1b[J", rows_above);
}

}  // namespace millrace::pipelines
