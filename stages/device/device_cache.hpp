// What a source sends, kept in the memory of the device: it is copied there once, and from then on only row numbers are sent.
#pragma once

#include <millrace/resident_table.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::stages {

/// The tables of one source, by output port. Calls follow each other, as those of a Source do.
class DeviceCache {
 public:
  /// Of a device with memory of its own, which outlives this.
  explicit DeviceCache(Device& device) : device_(device) {}

  /// Room for the rows that `port` sends. Throws Error("cache-too-large", run) that blames the parameter `cache`.
  void add(std::string port, Tensor on_host);
  /// Enqueues the copies of all tables; a second call does nothing. Nobody waits: what gathers rows there does, on the device.
  void upload(SourceContext& ctx);
  /// Once uploaded: rows of the table of `port`; an empty tensor when it has none.
  Tensor rows(std::string_view port, const TensorSpec& spec, RowNumbers numbers) const;

 private:
  struct Entry {
    std::string port;
    Tensor on_host;
    OutTensor room;
    std::shared_ptr<const ResidentTable> table;  ///< once uploaded
  };
  Device& device_;
  std::unique_ptr<Stream> stream_;
  std::vector<Entry> entries_;
};

}  // namespace millrace::stages
