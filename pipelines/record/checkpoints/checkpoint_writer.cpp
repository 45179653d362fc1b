// Room is looked for before the first byte: a disk that is full half way would have cost the time of writing.
#include "checkpoint_writer.hpp"

#include "process/command_error.hpp"

#include <millrace/files/kept_checkpoints.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

std::uint64_t bytes_of(const StageState& state) {
  std::uint64_t bytes = 0;
  for (const auto& [name, value] : state.entries()) bytes += value.size();
  return bytes;
}

std::uint64_t bytes_of(const Checkpoint& checkpoint) {
  std::uint64_t bytes = 0;
  for (const TrainerState& trainer : checkpoint.trainers) bytes += bytes_of(trainer.state);
  for (const auto& [node, state] : checkpoint.stages) bytes += bytes_of(state);
  return bytes;
}

// Where nobody can say it, writing will.
void require_room(const std::string& folder, std::uint64_t bytes) {
  std::error_code ignored;
  const std::filesystem::space_info space = std::filesystem::space(folder, ignored);
  if (ignored || space.available == static_cast<std::uintmax_t>(-1) || space.available >= bytes) return;
  throw Error(ErrorKind::output, "disk-full",
              fmt::format("{}: a checkpoint takes {} bytes, {} are free", folder, bytes, space.available),
              "make room: the next checkpoint is tried again");
}

}  // namespace

CheckpointWriter::CheckpointWriter(std::string folder, std::vector<CheckpointModel> models,
                                   std::function<void(const WrittenCheckpoint&)> written,
                                   std::function<void(const Error&)> failed)
    : folder_(std::move(folder)),
      models_(std::move(models)),
      written_(std::move(written)),
      failed_(std::move(failed)),
      thread_([this] { work(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void CheckpointWriter::submit(Checkpoint checkpoint, bool is_best) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](const Waiting& other) { return is_best || !other.is_best; });
    waiting_.push_back({std::move(checkpoint), is_best});
  }
  changed_.notify_all();
}

void CheckpointWriter::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !is_writing_; });
}

void CheckpointWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty() || is_over_; });
    if (waiting_.empty()) return;
    const Checkpoint checkpoint = std::move(waiting_.front().checkpoint);
    waiting_.pop_front();
    is_writing_ = true;
    lock.unlock();
    write(checkpoint);
    lock.lock();
    is_writing_ = false;
    changed_.notify_all();
  }
}

void CheckpointWriter::write(const Checkpoint& checkpoint) {
  try {
    require_room(folder_, bytes_of(checkpoint));
    const std::string name = checkpoint_name(checkpoint.position);
    const std::string path = folder_ + "/" + name;
    const CheckpointFile file = write_checkpoint(path, checkpoint);
    read_checkpoint(path, models_);
    written_({checkpoint.position, name, file});
  } catch (...) {
    failed_(error_of(std::current_exception()));
  }
}

}  // namespace millrace::pipelines
