// `pipeline-run version`: which program this is, in one line.
#include "command/options/verb.hpp"

#include <millrace/detail/build_info.hpp>

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

int act_version(const VerbOptions&) {
  const BuildInfo build = build_info();
  write_result(
      fmt::format("pipeline-run {} ({}, {}, oneDNN {})\n", build.version, build.compiler, build.flags, build.onednn));
  return 0;
}

const RegisteredVerb kVersion({.name = "version",
                               .group = VerbGroup::program,
                               .summary = "the program's version, compiler and flags",
                               .examples = {"pipeline-run version"}},
                              act_version);

}  // namespace
}  // namespace millrace::pipelines
