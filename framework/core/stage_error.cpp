// What a stage has thrown, by name.
#include <millrace/detail/stage_error.hpp>
#include <millrace/detail/system_failure.hpp>

#include <fmt/format.h>

#include <new>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

constexpr const char* kNoStdException = "something that is no std::exception was thrown";

}  // namespace

Error stage_error(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorKind::run, "out-of-memory", "an allocation failed",
            "fewer rows, smaller blocks and batches need less; `pipeline-run plan` tells what each node takes"};
  } catch (const std::system_error& error) {
    const Error known = system_failure(error);
    return known.name() == "system-error" ? Error(ErrorKind::run, "stage-exception", known.message()) : known;
  } catch (const std::exception& error) {
    return {ErrorKind::run, "stage-exception", error.what()};
  } catch (...) {
    return {ErrorKind::run, "unknown-exception", kNoStdException,
            "throw millrace::Error, so that the message reaches the user"};
  }
}

Error making_error(const std::exception_ptr& thrown, std::string name) {
  const auto defect = [&](std::string what) {
    return Error(ErrorKind::plugin, std::move(name), std::move(what),
                 "this is a defect of the stage: it throws millrace::Error for what a user can mend");
  };
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return defect(error.what());
  } catch (...) {
    return defect(kNoStdException);
  }
}

Error unset_output_error(const std::string& stage, const std::string& output) {
  return {ErrorKind::plugin, "infer-incomplete",
          fmt::format("stage `{}` says nothing about its output `{}`", stage, output),
          "this is a defect of the stage: its infer must set every output"};
}

}  // namespace millrace
