// One question to all ranks and a deadline: a rank without an answer is silent; one whose count of collectives is below the asker's is behind.
#include "liveness_probe.hpp"

#include <algorithm>

namespace millrace::comm {
namespace {

std::string ranks_text(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(ranks[i]);
  return text;
}

}  // namespace

LivenessProbe::LivenessProbe(MessageBox& box, int rank, int size, int channel, std::uint64_t entered,
                             Clock::duration patience)
    : rank_(rank),
      channel_(channel),
      entered_(entered),
      until_(Clock::now() + patience),
      answers_(static_cast<std::size_t>(size)) {
  Message message;
  message.kind = MessageKind::ask;
  message.channel = channel;
  box.send_to_all(message);
  answers_[static_cast<std::size_t>(rank)] = entered;
}

void LivenessProbe::answer(int from, const Message& message) {
  if (message.channel == channel_) answers_[static_cast<std::size_t>(from)] = message.entered;
}

bool LivenessProbe::is_over(Clock::time_point now) const {
  return now >= until_ || std::all_of(answers_.begin(), answers_.end(), [](const auto& a) { return a.has_value(); });
}

std::string LivenessProbe::blame() const {
  std::vector<int> silent, behind;
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    if (!answers_[i])
      silent.push_back(static_cast<int>(i));
    else if (*answers_[i] < entered_)
      behind.push_back(static_cast<int>(i));
  }
  std::string text;
  if (!silent.empty()) text = ranks_text(silent) + (silent.size() == 1 ? " does not answer" : " do not answer");
  if (!behind.empty()) text += (text.empty() ? "" : ", ") + ranks_text(behind) + " did not come to it";
  return text;
}

}  // namespace millrace::comm
