// Configs that nobody would write: one that works, changed in every place, and files that only look like one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct Mutant {
  std::string what;  ///< "value at byte 120 is ``"
  std::string text;
};

/// `text`, a config without errors, with each value and key replaced by each of a list of bad ones, and each value removed, written
/// twice, swapped with the next, wrapped, and replaced by one of another kind.
std::vector<Mutant> mutants_of(const std::string& text);
/// `text` cut off, with bytes changed and put in, lines moved; the same ones for the same seed.
std::vector<Mutant> spoiled_files(const std::string& text, std::uint32_t seed, int count);
/// Texts that are deep, long, or more when they are expanded.
std::vector<Mutant> extreme_files();
/// `count` nodes of 54 letters, each with a stage and an input that there are not.
std::string misspelled_nodes(int count);
/// A batch of `count` columns, of which each is misspelled.
std::string misspelled_outputs(int count);
/// A trainer whose batch has `count` fields that it does not know, and none that it needs.
std::string unknown_fields(int count);

}  // namespace millrace::pipelines
