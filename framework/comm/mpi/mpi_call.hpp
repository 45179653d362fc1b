// Every call of MPI is checked once, with its name.
#pragma once

#include <mpi.h>

#include <stdexcept>
#include <string>

namespace millrace::comm {

/// Throws std::runtime_error with the call's name and MPI's own text.
inline void mpi_call(int result, const char* name) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw std::runtime_error(std::string(name) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

}  // namespace millrace::comm
