// Field numbers are those of event.proto and summary.proto; the names beside them are their own.
#include "output_file.hpp"

#include <millrace/error.hpp>
#include <millrace/files/event_file.hpp>
#include <millrace/files/proto_writer.hpp>

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cstddef>

namespace millrace {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78U;  // reflected
constexpr std::uint32_t kMaskDelta = 0xA282EAD8U;
constexpr int kMaskTurn = 15;
constexpr std::string_view kVersion = "brain.Event:2";

std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ (value & 1U ? kPolynomial : 0U);
    table[i] = value;
  }
  return table;
}

std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8U * i) & 0xFFU);
  return text;
}

std::string check_of(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  const std::uint32_t masked = (crc >> kMaskTurn | crc << (32 - kMaskTurn)) + kMaskDelta;
  return little_endian(masked, sizeof masked);
}

std::string record_of(const ProtoWriter& event) {
  const std::string length = little_endian(event.bytes().size(), sizeof(std::uint64_t));
  return length + check_of(length) + event.bytes() + check_of(event.bytes());
}

ProtoWriter version_event(double wall_time) {
  ProtoWriter event;
  event.real64(1, wall_time);  // wall_time
  event.text(3, kVersion);     // file_version
  return event;
}

ProtoWriter scalars_event(double wall_time, std::int64_t step, std::span<const EventScalar> scalars) {
  ProtoWriter summary;
  for (const EventScalar& scalar : scalars) {
    ProtoWriter value;
    value.text(1, scalar.tag);                          // tag
    value.real32(2, static_cast<float>(scalar.value));  // simple_value
    summary.message(1, value);                          // value
  }
  ProtoWriter event;
  event.real64(1, wall_time);  // wall_time
  event.number(2, step);       // step
  event.message(5, summary);   // summary
  return event;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = crc >> 8U ^ kTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xFFU];
  return ~crc;
}

struct EventFile::State {
  explicit State(const std::string& path) : file(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW) {}

  void write(const std::string& record) try {
    file.write(record);
    bytes += record.size();
  } catch (const Error&) {
    cut_if_possible();
    throw;
  }

  void cut_if_possible() noexcept try { file.cut(bytes); } catch (const Error&) {
  }

  OutputFile file;
  std::uint64_t bytes = 0;  ///< of whole records
  std::optional<std::int64_t> last;
};

EventFile::EventFile(const std::string& path, double wall_time) : state_(std::make_unique<State>(path)) {
  state_->write(record_of(version_event(wall_time)));
}

EventFile::~EventFile() = default;
EventFile::EventFile(EventFile&&) noexcept = default;
EventFile& EventFile::operator=(EventFile&&) noexcept = default;

bool EventFile::append(double wall_time, std::int64_t step, std::span<const EventScalar> scalars) {
  if (state_->last && step <= *state_->last) return false;
  state_->write(record_of(scalars_event(wall_time, step, scalars)));
  state_->last = step;
  return true;
}

void EventFile::sync() { state_->file.sync_data(); }

std::string event_file_name(std::int64_t seconds, const std::string& host) {
  std::string safe;
  for (const char c : host) safe += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' ? c : '_';
  return fmt::format("events.out.tfevents.{:010}.{}", seconds, safe.substr(0, 64));
}

}  // namespace millrace
