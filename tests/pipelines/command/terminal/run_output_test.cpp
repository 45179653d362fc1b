// Real pipes and pseudo-terminals: a reader that stalls gets everything later, one that has gone is an error, live lines are erased in time.
#include "command/terminal/run_output.hpp"

#include "catch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

using namespace millrace::pipelines;

namespace {

/// A pipe whose reader is the test.
struct Pipe {
  Pipe() {
    std::signal(SIGPIPE, SIG_IGN);
    REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  void close_reader() {
    if (ends[0] >= 0) close(ends[0]);
    ends[0] = -1;
  }
  void close_writer() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  /// Makes it full, so that the next write waits.
  std::size_t fill() const {
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    std::size_t bytes = 0;
    const std::string zeros(4096, '0');
    for (ssize_t written = 0; (written = write(ends[1], zeros.data(), zeros.size())) > 0;)
      bytes += static_cast<std::size_t>(written);
    fcntl(ends[1], F_SETFL, 0);
    return bytes;
  }
  /// All that comes until nobody can write any more.
  std::string read_all() const {
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t got = 0; (got = read(ends[0], piece.data(), piece.size())) > 0;)
      text.append(piece.data(), static_cast<std::size_t>(got));
    return text;
  }
  std::array<int, 2> ends{-1, -1};
};

/// A terminal of so many columns; what is written to it is read by the test.
struct Terminal {
  explicit Terminal(unsigned short columns) {
    REQUIRE(openpty(&ours, &theirs, nullptr, nullptr, nullptr) == 0);
    resize(columns);
  }
  ~Terminal() {
    close(ours);
    close(theirs);
  }
  void resize(unsigned short columns) const {
    const winsize size{24, columns, 0, 0};
    REQUIRE(ioctl(theirs, TIOCSWINSZ, &size) == 0);
  }
  std::string read_until(const std::string& end) const {
    std::string text;
    std::array<char, 4096> piece{};
    while (!text.ends_with(end)) {
      const ssize_t got = read(ours, piece.data(), piece.size());
      REQUIRE(got > 0);
      text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
  int ours = -1, theirs = -1;
};

/// A live line is never wrapped, also where the terminal has become narrower and has not said so.
std::string drawn(const std::string& line) { return "\x1b[?7l" + line + "\x1b[?7h"; }

}  // namespace

TEST_CASE("a reader that takes nothing stops nobody, and gets everything in order when it goes on") {
  Pipe results, notes;
  const std::size_t filled = results.fill();
  std::string text;
  std::thread reader;
  {
    RunOutput output(results.ends[1], notes.ends[1]);
    for (int i = 0; i < 1000; ++i) output.result(std::to_string(i) + "\n");  // returns although nobody reads
    output.live("not seen");
    output.note("note\n");
    reader = std::thread([&] { text = results.read_all(); });
    output.finish();
    CHECK(output.write_error() == 0);
  }
  results.close_writer();
  reader.join();
  std::string wanted;
  for (int i = 0; i < 1000; ++i) wanted += std::to_string(i) + "\n";
  CHECK(text.substr(filled) == wanted);
}

TEST_CASE("a result that cannot be written is told, once, with its reason") {
  Pipe results, notes;
  results.close_reader();
  RunOutput output(results.ends[1], notes.ends[1]);
  output.result("lost\n");
  output.result("lost too\n");
  output.finish();
  CHECK(output.write_error() == EPIPE);
}

TEST_CASE("the live line is removed before anything else is written to the same terminal") {
  const Terminal terminal(80);
  RunOutput output(terminal.theirs, terminal.theirs);
  output.live("Epoch 1/2  50/100");
  CHECK(terminal.read_until("7h") == drawn("Epoch 1/2  50/100"));
  output.result("row\n");
  CHECK(terminal.read_until("\n") == "\r\x1b[Krow\r\n");
  output.live("Epoch 1/2  60/100");
  CHECK(terminal.read_until("7h") == drawn("Epoch 1/2  60/100"));
  output.finish();
  CHECK(terminal.read_until("\x1b[K") == "\r\x1b[K");
}

TEST_CASE("a line that a narrower window shows on several rows is removed from all of them") {
  const Terminal terminal(80);
  RunOutput output(terminal.theirs, terminal.theirs);
  output.live(std::string(70, '='));
  terminal.read_until("7h");
  terminal.resize(30);
  output.live("short");
  CHECK(terminal.read_until("7h").ends_with("\x1b[2A\r\x1b[J" + drawn("short")));
}
