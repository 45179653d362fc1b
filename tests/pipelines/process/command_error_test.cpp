// What a command throws, as its user is told.
#include "process/command_error.hpp"
#include "catch.hpp"

#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>

using namespace millrace;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

template <class Thrown>
Error told(const Thrown& thrown) {
  return pipelines::error_of(std::make_exception_ptr(thrown));
}

}  // namespace

TEST_CASE("whatever a command throws is told by name, with an exit code", "[command_error]") {
  CHECK(told(Error(ErrorKind::diverged, "diverged", "m")).exit_code() == 8);
  CHECK(told(std::bad_alloc()).name() == "out-of-memory");
  CHECK(told(std::system_error(EAGAIN, std::generic_category())).name() == "no-thread");
  CHECK_THAT(told(std::system_error(EAGAIN, std::generic_category())).message(), ContainsSubstring("start a thread"));
  CHECK(told(std::runtime_error("m")).name() == "internal-error");
  CHECK(told(3).name() == "internal-error");
  CHECK(told(3).exit_code() == 1);
}

TEST_CASE("what a library throws with the number of a system's error keeps its own words", "[command_error]") {
  struct Foreign final : std::error_category {
    const char* name() const noexcept override { return "foreign"; }
    std::string message(int) const override { return "table 12 is locked"; }
  };
  static const Foreign foreign;
  for (const int number : {EAGAIN, ENOMEM, EMFILE, ENFILE}) {
    CAPTURE(number);
    const Error error = told(std::system_error(number, foreign));
    CHECK(error.name() == "system-error");
    CHECK(error.message() == "table 12 is locked");
    CHECK(error.help().empty());
  }
  const Error read = told(std::system_error(EAGAIN, std::generic_category(), "read of /dev/ttyS0"));
  CHECK(read.name() == "system-error");
  CHECK_THAT(read.message(), StartsWith("read of /dev/ttyS0: "));
  const Error open = told(std::system_error(EMFILE, std::generic_category(), "open of labels.bin"));
  CHECK(open.name() == "too-many-files");
  CHECK_THAT(open.message(), StartsWith("open of labels.bin: "));
  CHECK_THAT(open.help(), ContainsSubstring("ulimit -n"));
}
