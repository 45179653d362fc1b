// By the type that was thrown: whatever is neither ours, nor the system's, nor a failed allocation, is a defect.
#include "command_error.hpp"

#include <millrace/detail/stage_error.hpp>
#include <millrace/detail/system_failure.hpp>

#include <new>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

Error defect(std::string what) {
  return {ErrorKind::run, "internal-error", std::move(what),
          "this is a defect of Millrace: please report it with the command and the config"};
}

}  // namespace

Error error_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return stage_error(thrown);
  } catch (const std::system_error& error) {
    return system_failure(error);
  } catch (const std::exception& error) {
    return defect(error.what());
  } catch (...) {
    return defect("something that is no std::exception was thrown");
  }
}

}  // namespace millrace::pipelines
