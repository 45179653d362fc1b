// Writes checkpoints on a thread of its own, so that training never waits for a disk.
#pragma once

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace millrace::pipelines {

/// A checkpoint that is on the disk and was read again.
struct WrittenCheckpoint {
  CheckpointPosition position;
  std::string name;  ///< of the file in its folder
  CheckpointFile file;
};

/// Of checkpoints that come faster than the disk takes them, the last one is written, and before it the last of those that are the best of the run: two
/// wait at the most. Any thread.
class CheckpointWriter {
 public:
  /// `folder` must be there; `models`: of the trainers, to read with. The hooks are called on the thread that writes, one at a time: `written`
  /// when the file is whole on the disk and has been read again with the same content, `failed` when that could not be.
  CheckpointWriter(std::string folder, std::vector<CheckpointModel> models,
                   std::function<void(const WrittenCheckpoint&)> written, std::function<void(const Error&)> failed);
  /// Writes what was submitted first.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// They come in the order of their positions, and are written in it. Takes the place of those that wait; one that `is_best` gives its place to another
  /// that is alone.
  void submit(Checkpoint checkpoint, bool is_best);
  /// Returns when nothing is left to be written.
  void finish();

 private:
  struct Waiting {
    Checkpoint checkpoint;
    bool is_best = false;
  };
  void work();
  void write(const Checkpoint& checkpoint);

  std::string folder_;
  std::vector<CheckpointModel> models_;
  std::function<void(const WrittenCheckpoint&)> written_;
  std::function<void(const Error&)> failed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;  ///< the oldest first; at most one of each kind
  bool is_writing_ = false, is_over_ = false;
  std::thread thread_;  ///< last: it uses all of them
};

}  // namespace millrace::pipelines
