// What a stage still holds, and what it loses.
#pragma once

#include "suite_contract.hpp"

#include <string>
#include <vector>

namespace millrace::testing {

/// Packets that were fed, and bytes of the context's memory, that are alive.
Finding still_held(const Bench& bench, const std::string& when);
/// The process's heap, pass by pass. Never a finding under a sanitizer that has a heap of its own.
Finding heap_grows(const SuiteCase& one, const InputForm& form);
/// A digest of the stored and of the decoded values of every tensor that is fed.
std::vector<std::string> fed_to(const Bench& bench);

}  // namespace millrace::testing
