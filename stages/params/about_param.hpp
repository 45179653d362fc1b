// Errors of files, told at the parameter that names the file.
#pragma once

#include <millrace/error.hpp>

namespace millrace::stages {

/// What `call` returns. The Error that it throws is about the parameter `param`, and passes.
template <class Call>
auto about(const char* param, Call call) {
  try {
    return call();
  } catch (Error& error) {
    error.about_param(param);
    throw;
  }
}

}  // namespace millrace::stages
