// A list of types, and calls of a function with one of them or with each: how a kind of thing (activations, losses, ...) is
// enumerated once, for the processor and for a kernel.
#pragma once

#include <millrace/detail/host_device.hpp>

#include <cstddef>

namespace millrace::nn {

template <class... Types>
struct TypeList {
  static constexpr std::size_t kSize = sizeof...(Types);
};

/// Stands for a type as an argument: `using T = typename decltype(tag)::Type`.
template <class T>
struct Tag {
  using Type = T;
};

/// f(Tag<T>) for the type at `index`, which must be below the size.
template <class First, class... Rest, class F>
MILLRACE_HOST_DEVICE constexpr decltype(auto) visit_at(std::size_t index, TypeList<First, Rest...> /*types*/, F&& f) {
  if constexpr (sizeof...(Rest) > 0) {
    if (index != 0) return visit_at(index - 1, TypeList<Rest...>(), f);
  }
  return f(Tag<First>());
}

/// f(Tag<T>) for each type, in order.
template <class... Types, class F>
MILLRACE_HOST_DEVICE constexpr void for_each_type(TypeList<Types...> /*types*/, F&& f) {
  (f(Tag<Types>()), ...);
}

template <class... A, class... B>
TypeList<A..., B...> joined(TypeList<A...>, TypeList<B...>);
template <class... A, class... B, class... C>
auto joined(TypeList<A...>, TypeList<B...>, C... rest) -> decltype(joined(TypeList<A..., B...>(), rest...));

}  // namespace millrace::nn
