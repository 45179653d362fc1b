// The file of NCCL, as it is found. Needs no header of NCCL, so every build can say what is there.
#pragma once

#include <millrace/detail/export.hpp>

#include <string>

namespace millrace::comm {

struct NcclFile {
  void* handle = nullptr;  ///< never closed: it keeps threads of its own
  std::string path;        ///< as the system found it
  int version = 0;         ///< as NCCL counts: 22304 is 2.23.4
  std::string why_not;     ///< why it cannot be used; empty when it can
};

/// Opens `file` where the system looks for libraries. 2.19 is the oldest that can be captured in a graph and be initialized without
/// blocking. Does not throw.
MILLRACE_EXPORT NcclFile find_nccl(const std::string& file = "libnccl.so.2");

/// "2.23.4"
MILLRACE_EXPORT std::string nccl_version_text(int version);

}  // namespace millrace::comm
