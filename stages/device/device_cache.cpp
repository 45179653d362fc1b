// The first epoch enqueues one asynchronous copy for each output, and both ends are kept until its event; from then on rows are views of a
// resident table.
#include "device_cache.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::stages {
namespace {

OutTensor room_for(const Tensor& rows, const std::string& port, Device& device) {
  try {
    return {rows.spec(), rows.rows(), device.memory()};
  } catch (const Error& error) {
    Error refusal(ErrorKind::run, "cache-too-large",
                  fmt::format("`cache: device` wants {} on {} for `{}`: {}", counted(rows.size_bytes(), "byte"),
                              to_string(device.id()), port, error.message()),
                  "leave out `cache`, so that rows are copied as they are needed, or take fewer with `rows`");
    throw refusal.about_param("cache");
  }
}

}  // namespace

void DeviceCache::add(std::string port, Tensor on_host) {
  OutTensor room = room_for(on_host, port, device_);
  entries_.push_back({std::move(port), std::move(on_host), std::move(room), nullptr});
}

// The bytes come from ordinary memory, so CUDA copies them through a pinned buffer of its own: slower, but once.
void DeviceCache::upload(SourceContext& ctx) {
  if (stream_) return;
  stream_ = device_.make_stream();
  for (Entry& entry : entries_) stream_->copy(entry.room.bytes(), entry.on_host.bytes(), entry.on_host.size_bytes());
  const Event ready = stream_->record();
  std::vector<Field> copying;
  for (Entry& entry : entries_) {
    const Tensor on_device = std::move(entry.room).freeze(entry.on_host.rows(), ready);
    entry.table = std::make_shared<const ResidentTable>(entry.on_host, on_device, device_.staging());
    copying.push_back({"from", entry.on_host});
    copying.push_back({"to", on_device});
  }
  Packet pass;
  pass.header.epoch = ctx.epoch();
  ctx.keep_until(ready, pass, copying);
}

Tensor DeviceCache::rows(std::string_view port, const TensorSpec& spec, RowNumbers numbers) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.port == port; });
  return found == entries_.end() ? Tensor() : Tensor(spec, found->table, std::move(numbers));
}

}  // namespace millrace::stages
