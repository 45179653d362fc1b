// The line that a first signal is answered with.
#include "command/terminal/stop_note.hpp"

#include "catch.hpp"

#include <csignal>

using millrace::pipelines::stop_note_text;

TEST_CASE("the answer to a signal says what is waited for, and how") {
  CHECK(stop_note_text(SIGINT, {}) == "stopping on signal 2 (Interrupt); a second signal ends the process at once\n");
  CHECK(
      stop_note_text(SIGTERM, {{"a", "b"}, {}}) ==
      "stopping on signal 15 (Terminated): waiting for `a`, `b` to return; a second signal ends the process at once\n");
  CHECK(stop_note_text(SIGINT, {{}, {"move"}}) ==
        "stopping on signal 2 (Interrupt): waiting for the device to finish its work for `move`; "
        "a second signal ends the process at once\n");
  CHECK(
      stop_note_text(SIGINT, {{"a"}, {"move", "learn"}}) ==
      "stopping on signal 2 (Interrupt): waiting for `a` to return, and for the device to finish its work for `move`, "
      "`learn`; a second signal ends the process at once\n");
}
