// What a command throws, as its user is told.
#include "process/system_failure.hpp"
#include "catch.hpp"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

using namespace millrace;

namespace {

template <class Thrown>
Error told(const Thrown& thrown) {
  return pipelines::error_of(std::make_exception_ptr(thrown));
}

}  // namespace

TEST_CASE("whatever a command throws is told by name, with an exit code", "[system_failure]") {
  CHECK(told(Error(ErrorKind::diverged, "diverged", "m")).exit_code() == 8);
  CHECK(told(std::bad_alloc()).name() == "out-of-memory");
  CHECK(told(std::system_error(EAGAIN, std::generic_category())).name() == "no-thread");
  CHECK(told(std::runtime_error("m")).name() == "internal-error");
  CHECK(told(3).name() == "internal-error");
  CHECK(told(3).exit_code() == 1);
}
