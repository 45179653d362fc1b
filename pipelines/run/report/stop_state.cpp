// Flags are read without a lock, for every packet asks; only the list of failures has one.
#include "stop_state.hpp"

#include <millrace/detail/stage_error.hpp>

#include <new>

namespace millrace::pipelines {

bool StopState::stopping() const { return ended_.load(std::memory_order_acquire) || has_signal(); }

bool StopState::stopping(std::uint32_t epoch) const {
  return epoch >= given_up_.load(std::memory_order_acquire) || has_signal();
}

bool StopState::has_signal() const {
  if (signal_.load(std::memory_order_relaxed) != 0) return true;
  const int requested = request_ ? request_->load(std::memory_order_relaxed) : 0;
  if (requested == 0) return false;
  int none = 0;
  signal_.compare_exchange_strong(none, requested);
  return true;
}

void StopState::fail(const RunFailure& failure) {
  if (failure.name == "canceled" && stopping()) {
    if (failure.epoch > 0) give_up(failure.epoch);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    failures_.push_back(failure);
    end_work(failure.epoch);
    ended_.store(true, std::memory_order_release);
  }
  if (listener_) listener_(failure);
}

void StopState::fail(const std::exception_ptr& thrown, const ValidatedNode* node, const RunPosition& at) noexcept {
  try {
    RunFailure failure = node != nullptr ? failure_of(*node, thrown) : describe_exception(thrown);
    failure.epoch = at.epoch;
    failure.packet = at.packet;
    failure.batch = at.batch;
    fail(failure);
  } catch (...) {
    speechless_ = true;
    end_work(at.epoch);
    ended_.store(true, std::memory_order_release);
  }
}

void StopState::enough() noexcept {
  give_up(0);
  ended_.store(true, std::memory_order_release);
}

void StopState::give_up(std::uint32_t epoch) noexcept {
  std::uint32_t known = given_up_.load();
  while (epoch < known && !given_up_.compare_exchange_weak(known, epoch)) {
  }
}

std::vector<RunFailure> StopState::failures() const {
  const std::lock_guard lock(mutex_);
  if (!failures_.empty() || !speechless_) return failures_;
  return {describe_exception(std::make_exception_ptr(std::bad_alloc()))};
}

RunFailure describe_exception(const std::exception_ptr& thrown) { return {stage_error(thrown).problem()}; }

namespace {

/// The parameter that an error is about; empty for most.
std::string param_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error.param();
  } catch (...) {
    return {};
  }
}

}  // namespace

RunFailure failure_of(const ValidatedNode& node, const std::exception_ptr& thrown) {
  RunFailure failure = failure_of_node(node, stage_error(thrown).problem());
  if (const std::string param = param_of(thrown); !param.empty()) failure.where = node.place_of_param(param);
  return failure;
}

}  // namespace millrace::pipelines
