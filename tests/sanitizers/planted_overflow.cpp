// A defect on purpose: a row count that overflows. Shows that UndefinedBehaviorSanitizer reports and ends the program.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  const std::int32_t rows = argc > 1 ? std::atoi(argv[1]) : 0;
  const std::int32_t bytes = rows * 784;
  std::printf("%d rows, %d bytes\n", rows, bytes);
  return 0;
}
