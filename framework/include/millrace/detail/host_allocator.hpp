// What blocks of the host's allocator take, for whoever counts memory before it is asked for.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>

namespace millrace {

/// The most that `blocks` blocks take for which `bytes` are asked in all: a block is as large as its size class.
MILLRACE_EXPORT std::size_t with_slack(std::size_t bytes, std::size_t blocks);

}  // namespace millrace
