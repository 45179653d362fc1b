// `rows` may be written as a list of two or with names.
#include "row_choice.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

namespace millrace::stages {

RowChoice::RowChoice(const ParamValue& params)
    : shuffles(params["shuffle"].boolean()),
      block_rows(params["block_rows"].integer()),
      max_bytes(static_cast<std::uint64_t>(params["max_bytes"].integer())) {
  const ParamValue& rows = params["rows"];
  if (rows.is_null()) return;
  first = rows.is_list() ? rows.list()[0].integer() : rows["first"].integer();
  wanted_ = rows.is_list() ? rows.list()[1].integer() : rows["count"].integer();
}

bool RowChoice::fits(std::int64_t rows, InferContext& ctx) {
  count = wanted_.value_or(rows - first);
  if (count > 0 && first <= rows && count <= rows - first) return true;
  ctx.error(ErrorSite::param("rows"), "row-range",
            fmt::format("{} from row {} of a file with {}", counted(count, "row"), first, counted(rows, "row")),
            "`rows: [first, count]` counts from 0");
  return false;
}

Param block_rows_param() {
  return Param("block_rows", ParamType::integer().at_least(1).at_most(1 << 24), "rows sent at once").or_default(256);
}

Param max_bytes_param() {
  return Param("max_bytes", ParamType::integer().at_least(1), "largest size a file may declare")
      .or_default(static_cast<std::int64_t>(kDefaultMaxFileBytes))
      .in_unit("bytes");
}

void add_row_params(StageDescriptor& spec) {
  using T = ParamType;
  const T bounds = T::any_of({T::list(T::integer().at_least(0)).length(2, 2),
                              T::record({Param("first", T::integer().at_least(0), "first row, from 0").or_default(0),
                                         Param("count", T::integer().at_least(1), "number of rows")})});
  spec.param(Param("shuffle", T::boolean(), "a new order of the rows in every epoch").or_default(false))
      .param(Param("rows", bounds, "only these rows of the file: [first, count]").optional())
      .param(block_rows_param())
      .param(max_bytes_param());
}

}  // namespace millrace::stages
