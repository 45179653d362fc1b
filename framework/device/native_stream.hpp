// A stream of a device whose own library can put work on it too: what is behind Stream::native_handle().
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/device.hpp>

namespace millrace {

class MILLRACE_EXPORT NativeStream : public Stream {
 public:
  ~NativeStream() override;
  /// The handle as that library knows it; lives as long as the stream.
  virtual void* handle() const = 0;
};

}  // namespace millrace
