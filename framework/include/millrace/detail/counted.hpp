// How counts are written in messages.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace millrace {

/// "1 node", "3 nodes"; `plural` for what does not take an `s`: "1 packet waits", "2 packets wait".
template <std::integral Count>
std::string counted(Count count, std::string_view noun, std::string_view plural = {}) {
  std::string text = std::to_string(count) + ' ';
  if (count == 1 || plural.empty()) return text.append(noun).append(count == 1 ? "" : "s");
  return text.append(plural);
}

}  // namespace millrace
