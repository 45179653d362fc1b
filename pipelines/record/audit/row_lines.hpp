// The line of a run's journal that says which rows were used in an epoch.
#pragma once

#include "run/report/row_account.hpp"

#include <millrace/files/journal_line.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace millrace::pipelines {

inline constexpr const char* kRowsLine = "rows";

using RowAccounts = std::map<std::string, RowAccount>;  ///< by node

JournalLine rows_line(std::int64_t attempt, std::uint32_t epoch, const RowAccounts& accounts);
/// What such a line says; of what is torn or strange nothing.
RowAccounts accounts_of(const JournalLine& line);

}  // namespace millrace::pipelines
