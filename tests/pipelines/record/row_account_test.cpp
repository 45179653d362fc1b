// Accounts of rows: the same in any order, another one where a row is missing or came twice, and then which.
#include "run/report/row_account.hpp"
#include "catch.hpp"
#include "record/audit/row_difference.hpp"
#include "record/audit/row_lines.hpp"
#include "run/nodes/row_accountant.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

constexpr RowRange kRange{100, 160};
using Rows = std::vector<std::int64_t>;

std::vector<std::uint64_t> all_rows() {
  std::vector<std::uint64_t> ids(static_cast<std::size_t>(kRange.count()));
  std::iota(ids.begin(), ids.end(), static_cast<std::uint64_t>(kRange.first));
  return ids;
}

RowAccount account_of(std::uint32_t epoch, const std::vector<std::uint64_t>& ids) {
  RowAccount account;
  account.epoch = epoch;
  account.add(ids);
  return account;
}

RowDifference difference(const std::vector<std::uint64_t>& used) {
  return difference_of(declared_account(3, kRange), account_of(3, used), kRange);
}

Packet batch(std::uint32_t epoch, std::uint64_t first_row, std::vector<std::uint64_t> ids, bool last) {
  Packet packet;
  packet.header = {0, epoch, first_row, last};
  packet.rows = static_cast<std::int64_t>(ids.size());
  packet.ids = std::make_shared<const std::vector<std::uint64_t>>(std::move(ids));
  packet.fields.push_back({"inputs", Tensor()});
  return packet;
}

void take(RowAccountant& accountant, const Packet& packet) { accountant.take({&packet, 1}); }

}  // namespace

TEST_CASE("an account does not depend on the order of rows, but on the epoch", "[row_account]") {
  std::vector<std::uint64_t> ids = all_rows();
  const RowAccount declared = declared_account(3, kRange);
  CHECK(account_of(3, ids).sum == declared.sum);
  std::reverse(ids.begin(), ids.end());
  CHECK(account_of(3, ids).sum == declared.sum);
  CHECK(account_of(3, ids).rows == kRange.count());
  CHECK_FALSE(account_of(4, ids).sum == declared.sum);
}

TEST_CASE("a sum is written as digits and read again", "[row_account]") {
  const RowSum sum = sum_of_row(1, 2);
  CHECK(to_text(sum).size() == 32);
  CHECK(parse_row_sum(to_text(sum)) == sum);
  CHECK_FALSE(parse_row_sum(to_text(sum).substr(1)));
  CHECK_FALSE(parse_row_sum(std::string(31, '0') + "g"));
}

TEST_CASE("rows that are missing or came twice are named", "[row_account]") {
  std::vector<std::uint64_t> ids = all_rows();
  ids.erase(ids.begin() + 17);
  CHECK(difference(ids).missing == Rows{117});
  CHECK(difference(ids).doubled.empty());
  ids.push_back(105);
  CHECK(difference(ids).missing == Rows{117});
  CHECK(difference(ids).doubled == Rows{105});
  ids = all_rows();
  ids.push_back(159);
  CHECK(difference(ids).doubled == Rows{159});
  ids.push_back(159);
  CHECK(difference(ids).doubled == Rows{159, 159});
  ids = all_rows();
  ids.erase(ids.begin(), ids.begin() + 2);
  CHECK(difference(ids).missing.size() == 2);
  ids.erase(ids.begin());
  CHECK(difference(ids).missing.empty());  // of three it is not told which
}

TEST_CASE("the line of a journal has the accounts of an epoch", "[row_account]") {
  RowAccount learn = declared_account(3, kRange);
  learn.ranks = 2;
  const JournalLine line = rows_line(1, 3, {{"learn", learn}, {"a.b", account_of(3, {1})}});
  JournalLine read;
  REQUIRE(parse_journal_line(to_json(line), read));
  const RowAccounts accounts = accounts_of(read);
  REQUIRE(accounts.size() == 2);
  CHECK(accounts.at("learn").sum == learn.sum);
  CHECK(accounts.at("learn").rows == kRange.count());
  CHECK(accounts.at("learn").ranks == 2);
  CHECK(accounts.at("a.b").rows == 1);
}

TEST_CASE("an epoch that was interrupted has its rows once, wherever the sources begin again", "[row_account]") {
  RowAccountant whole(nullptr), before(nullptr);
  take(before, batch(2, 0, {4, 1}, false));
  take(before, batch(2, 2, {3, 0}, false));
  const std::string saved = before.saved();
  for (const bool from_the_beginning : {true, false}) {
    RowAccountant after(nullptr);
    after.load(saved, 2);
    if (from_the_beginning) {
      take(after, batch(2, 0, {4, 1}, false));
      take(after, batch(2, 2, {3, 0}, false));
    }
    take(after, batch(2, 4, {2}, true));
    REQUIRE(after.whole());
    CHECK(after.whole()->sum == declared_account(2, {0, 5}).sum);
    CHECK(after.whole()->rows == 5);
    take(after, batch(3, 0, {0, 1, 2, 3, 4}, true));
    CHECK(after.whole()->sum == declared_account(3, {0, 5}).sum);
  }
}

TEST_CASE("of a state without an account nobody knows what was taken", "[row_account]") {
  RowAccountant accountant(nullptr);
  accountant.load("", 2);
  take(accountant, batch(2, 4, {2}, true));
  CHECK_FALSE(accountant.whole());
  take(accountant, batch(3, 0, {0}, true));
  CHECK(accountant.whole());
}
