// What this build is made of: runs carry it, since the bits of their results depend on it.
#pragma once

#include <millrace/detail/export.hpp>

#include <string>

namespace millrace {

struct BuildInfo {
  std::string version;    ///< version of Millrace
  std::string compiler;   ///< "g++ 12.2.0"
  std::string flags;      ///< build type, processor flags, sanitizer: "Release -march=native"
  std::string onednn;     ///< version of the library that is loaded
  std::string isa;        ///< instruction set that its products use here, in this process: "avx512_core"
  std::string sanitizer;  ///< "none", "address", "undefined" or "thread"
  /// All but oneDNN and its instruction set in one line: "0.1.0, g++ 12.2.0, Release -march=native".
  std::string describe() const { return version + ", " + compiler + ", " + flags; }
};

/// The first call settles the instruction set: nobody can limit it after that.
MILLRACE_EXPORT BuildInfo build_info();

}  // namespace millrace
