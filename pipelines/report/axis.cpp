// Ticks stand at 1, 2 or 5 times a power of ten.
#include "axis.hpp"

#include <millrace/detail/number_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace millrace::pipelines {
namespace {

constexpr double kRoom = 0.04;
constexpr std::array kSteps{1.0, 2.0, 5.0, 10.0};
constexpr double kTolerance = 1e-9;
constexpr int kMostDecimals = 6;
constexpr double kLeastRange = 1e-290;  // below, steps between ticks would not be told from 0

double nice_step(double range, int most_ticks) {
  const double rough = range / most_ticks, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double step : kSteps)
    if (step * power >= rough * (1 - kTolerance)) return step * power;
  return 10 * power;
}

void add_linear_ticks(Axis& axis, double step) {
  const double first = std::ceil(axis.least / step - kTolerance), last = std::floor(axis.most / step + kTolerance);
  for (double i = first; i <= last; ++i) axis.ticks.push_back(i * step);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + kTolerance)));
  const bool is_plain = decimals <= kMostDecimals && std::max(-axis.least, axis.most) < 1e6;
  axis.decimals = is_plain ? decimals : -1;
}

// All of 1, 2 and 5 if there is room, else powers of ten, else every second or third of them.
void add_log_ticks(Axis& axis, int most_ticks) {
  const int first = static_cast<int>(std::floor(std::log10(axis.least)));
  const int last = static_cast<int>(std::ceil(std::log10(axis.most)));
  const auto add = [&](double value) {
    if (value >= axis.least && value <= axis.most) axis.ticks.push_back(value);
  };
  const bool has_room = 3 * (std::log10(axis.most) - std::log10(axis.least)) <= most_ticks;
  const int every = std::max(1, (last - first + most_ticks - 1) / most_ticks);
  for (int power = first; power <= last; power += every)
    for (std::size_t i = 0; i < (has_room ? 3U : 1U); ++i) add(kSteps[i] * std::pow(10, power));
}

Axis log_axis(double least, double most, int most_ticks) {
  Axis axis;
  const double room = std::pow(most / least, kRoom);
  axis.is_log = true;
  axis.least = least / room;
  axis.most = most * room;
  add_log_ticks(axis, most_ticks);
  return axis;
}

}  // namespace

double Axis::place(double value) const {
  if (!is_log) return (value - least) / (most - least);
  return value <= 0 ? 0 : std::log(value / least) / std::log(most / least);
}

std::string Axis::tick_text(double tick) const {
  const double shown = tick == 0 ? 0 : tick;  // without the sign of a zero
  return decimals < 0 ? fmt::format("{:.4g}", shown) : fmt::format("{:.{}f}", shown, decimals);
}

Axis value_axis(double least, double most, int most_ticks, bool may_be_log) {
  if (may_be_log && least > 0 && most / least >= kLogRatio && std::isfinite(most / least))
    return log_axis(least, most, most_ticks);
  // Halves, for the difference of two large numbers may be none.
  const double half = most / 2 - least / 2, size = std::max(std::abs(least), std::abs(most));
  const bool is_flat = half <= std::max(size * kTolerance, kLeastRange);
  const double room = is_flat ? (size > kLeastRange ? size / 20 : 1) : 2 * kRoom * half;
  Axis axis;
  axis.least = std::max(least - room, -1e300);
  axis.most = std::min(most + room, 1e300);
  if (least >= 0 && axis.least < 0) axis.least = 0;
  if (axis.least >= axis.most) axis = Axis{};
  add_linear_ticks(axis, nice_step(axis.most - axis.least, most_ticks));
  return axis;
}

Axis epoch_axis(double first, double last, int most_ticks) {
  Axis axis;
  axis.least = first;
  axis.most = std::max(last, first + 1);
  add_linear_ticks(axis, std::max(1.0, nice_step(axis.most - axis.least, most_ticks)));
  axis.decimals = 0;
  if (last <= first) axis.ticks = {first};
  return axis;
}

std::string value_text(double value) { return fmt::format("{:.4g}", without_nan_sign(value)); }

}  // namespace millrace::pipelines
