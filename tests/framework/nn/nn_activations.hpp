// The activations of a layer, out of the list that the steps are made of: a new one is in every test that goes through them.
#pragma once

#include "nn/activations.hpp"

#include <vector>

namespace millrace::nn_test {

inline std::vector<const char*> all_activations() {
  std::vector<const char*> names;
  nn::for_each_type(nn::Activations(), [&](auto tag) { names.push_back(decltype(tag)::Type::kName); });
  return names;
}

/// Those of a layer that others follow; softmax is for the last one.
inline std::vector<const char*> hidden_activations() {
  std::vector<const char*> names;
  nn::for_each_type(nn::Activations(), [&](auto tag) {
    using A = typename decltype(tag)::Type;
    if (A::kKind != Activation::softmax) names.push_back(A::kName);
  });
  return names;
}

}  // namespace millrace::nn_test
