// A dependency graph of work, and one thread that runs any node whose predecessors are done, chosen at random: the order of streams, waits for
// events and captured graphs are edges of it.
#include "emulated_gpu.hpp"

#include "faults.hpp"

#include <driver_types.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

namespace emulated {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

unsigned seed() {
  const char* text = std::getenv("EMULATED_GPU_SEED");
  return text == nullptr ? 1U : static_cast<unsigned>(std::atoi(text));
}

bool is_ready(const Node& node) {
  return std::all_of(node.after.begin(), node.after.end(), [](const SharedNode& n) { return n->done; });
}

/// All work that is under way, and the thread that does it. It lives as long as the process: whatever ends later may still ask.
class Worker {
 public:
  static Worker& get() {
    static Worker& worker = *new Worker;
    return worker;
  }

  void submit(SharedNode node) {
    const std::lock_guard lock(mutex_);
    if (error_ != 0) node->done = true;
    if (node->done) return;
    under_way_.push_back(std::move(node));
    came_.notify_one();
  }
  bool is_done(const Node& node) {
    const std::lock_guard lock(mutex_);
    return node.done;
  }
  void synchronize(const Node* node) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return node == nullptr ? under_way_.empty() && !busy_ : node->done; });
  }
  int error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }
  std::size_t draw(std::size_t bound) { return random_() % bound; }

 private:
  Worker() : random_(seed()) {
    std::thread([this] { work(); }).detach();
  }

  [[noreturn]] void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      came_.wait(lock, [&] { return !under_way_.empty(); });
      const SharedNode node = take();
      busy_ = true;
      lock.unlock();
      if (node->work) node->work();
      lock.lock();
      busy_ = false;
      finish(*node);
      if (count_faults(lock)) continue;
      done_.notify_all();
    }
  }

  /// One that nothing holds up. There always is one: nodes only wait for nodes that came before.
  SharedNode take() {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < under_way_.size(); ++i)
      if (is_ready(*under_way_[i])) ready.push_back(i);
    const std::size_t chosen = ready[draw(ready.size())];
    SharedNode node = std::move(under_way_[chosen]);
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(chosen));
    return node;
  }

  static void finish(Node& node) {
    node.done = true;
    node.seconds = now();
    node.after.clear();  // or a long run would keep all that ever was
    node.work = nullptr;
  }

  bool count_faults(std::unique_lock<std::mutex>& lock) {
    ++finished_;
    if (planted_fault().name == "hang" && finished_ >= planted_fault().count)
      for (;;) came_.wait(lock);
    if (planted_fault().name != "lost" || finished_ < planted_fault().count) return false;
    error_ = planted_fault().code;
    for (const SharedNode& node : under_way_) node->done = true;
    under_way_.clear();
    done_.notify_all();
    return true;
  }

  std::mutex mutex_;
  std::condition_variable came_, done_;
  std::vector<SharedNode> under_way_;
  bool busy_ = false;
  long finished_ = 0;
  int error_ = 0;
  std::mt19937 random_;
};

thread_local Capture* this_threads_capture = nullptr;

SharedNode node_after(std::function<void()> work, Nodes after) {
  auto node = std::make_shared<Node>();
  node->work = std::move(work);
  for (SharedNode& one : after)
    if (one) node->after.push_back(std::move(one));
  return node;
}

/// The next node of a stream, after `also` as well.
SharedNode append(Stream& stream, std::function<void()> work, SharedNode also = nullptr) {
  if (stream.capture) {
    stream.captured_last = node_after(std::move(work), {stream.captured_last, std::move(also)});
    stream.capture->graph.nodes.push_back(stream.captured_last);
    return stream.captured_last;
  }
  stream.last = node_after(std::move(work), {stream.last, std::move(also)});
  Worker::get().submit(stream.last);
  return stream.last;
}

bool leads_to(const Node* from, const Node* to) {
  if (from == to) return true;
  return std::any_of(to->after.begin(), to->after.end(), [&](const SharedNode& n) { return leads_to(from, n.get()); });
}

void join(Stream& stream, const Event& event) {
  stream.capture = event.capture;
  stream.captured_last = nullptr;
  event.capture->streams.push_back(&stream);
}

}  // namespace

int sticky_error() { return Worker::get().error(); }

void enqueue(Stream& stream, std::function<void()> work) { append(stream, std::move(work)); }

void record(Stream& stream, Event& event) {
  event.capture = stream.capture;
  event.node = append(stream, nullptr);
}

int wait(Stream& stream, Event& event) {
  if (!event.node) return 0;  // as CUDA has it, an event that was never recorded is no wait
  if (event.capture && !stream.capture) join(stream, event);
  if (stream.capture && stream.capture != event.capture) {
    stream.capture->is_broken = true;
    return cudaErrorStreamCaptureIsolation;
  }
  append(stream, nullptr, event.node);
  return 0;
}

int begin_capture(Stream& stream) {
  if (stream.capture) return cudaErrorIllegalState;
  stream.capture = std::make_shared<Capture>();
  stream.capture->origin = &stream;
  stream.capture->streams.push_back(&stream);
  stream.captured_last = nullptr;
  this_threads_capture = stream.capture.get();
  return 0;
}

int end_capture(Stream& stream, std::unique_ptr<Graph>& graph) {
  const std::shared_ptr<Capture> capture = stream.capture;
  if (!capture || capture->origin != &stream) return cudaErrorIllegalState;
  bool is_joined = true;
  for (const Stream* one : capture->streams)
    if (one->captured_last && !leads_to(one->captured_last.get(), stream.captured_last.get())) is_joined = false;
  for (Stream* one : capture->streams) {
    one->capture = nullptr;
    one->captured_last = nullptr;
  }
  this_threads_capture = nullptr;
  if (capture->is_broken) return cudaErrorStreamCaptureInvalidated;
  if (!is_joined) return cudaErrorStreamCaptureUnjoined;
  graph = std::make_unique<Graph>(std::move(capture->graph));
  return 0;
}

// Each node anew, after its copies of the nodes before it; the first ones after the stream and the replay before.
int replay(GraphExec& exec, Stream& stream) {
  if (stream.capture) return cudaErrorStreamCaptureUnsupported;
  std::vector<std::pair<const Node*, SharedNode>> copies;
  Nodes all;
  for (const SharedNode& node : exec.graph.nodes) {
    Nodes after{stream.last, exec.last};
    for (const SharedNode& before : node->after)
      after.push_back(
          std::find_if(copies.begin(), copies.end(), [&](const auto& c) { return c.first == before.get(); })->second);
    copies.emplace_back(node.get(), node_after(node->work, after));
    all.push_back(copies.back().second);
  }
  for (const SharedNode& node : all) Worker::get().submit(node);
  all.push_back(stream.last);
  stream.last = exec.last = node_after(nullptr, all);
  Worker::get().submit(stream.last);
  return 0;
}

Capture* forbidding_capture() { return this_threads_capture; }

bool is_done(const SharedNode& node) { return !node || Worker::get().is_done(*node); }
void synchronize(const SharedNode& node) {
  if (node) Worker::get().synchronize(node.get());
}
void synchronize_all() { Worker::get().synchronize(nullptr); }
std::size_t draw(std::size_t bound) { return Worker::get().draw(bound); }

}  // namespace emulated
