// Has oneDNN compile its kernels before data move.
#pragma once

#include <millrace/model.hpp>

#include <cstdint>

namespace millrace::cpu {

/// Runs each product of a model once, over zeros, as a batch of `rows` rows and one of a single row need it. oneDNN compiles a
/// kernel at its first use and does not bear it when memory runs out meanwhile, so whether there is enough is asked before;
/// throws Error("out-of-memory", run). `trains`: the products of the backward pass too.
void compile_products(const ModelSpec& model, std::int64_t rows, bool trains);

}  // namespace millrace::cpu
