// Where stages are found by name, and the one line with which a stage or a plugin registers itself.
#pragma once

#include <millrace/plugin.h>
#include <millrace/detail/export.hpp>
#include <millrace/layout.hpp>
#include <millrace/stage.hpp>

#include <concepts>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// A stage as the engine knows it.
struct StageInfo {
  std::string name;
  StageKind kind = StageKind::transform;
  StageDescriptor spec;
  /// `params` is a checked map with every default filled in.
  std::unique_ptr<Stage> (*make)(const ParamValue& params) = nullptr;
  std::string plugin, plugin_version, plugin_license, file;  ///< filled in by the loader
};

/// Stages by name. Not thread-safe while stages are added.
class MILLRACE_EXPORT StageRegistry {
 public:
  /// Throws Error: duplicate-stage when the name is taken, reserved-parameter for a parameter named like one of node_keys(); both of
  /// kind plugin.
  void add(StageInfo);
  /// Null when unknown.
  const StageInfo* find(std::string_view name) const;
  std::vector<std::string> names() const;
  /// Called by the loader around a plugin's registration: stages added in between bear these.
  void set_origin(std::string plugin, std::string version, std::string license, std::string file);

 private:
  std::map<std::string, StageInfo, std::less<>> stages_;
  StageInfo origin_;
};

/// The keys of a node in a config: stage, chain, in, with, seed, run. A node of a chain takes its parameters beside them, so no
/// parameter bears such a name.
MILLRACE_EXPORT const std::vector<std::string>& node_keys();

/// Names close to `name`, the closest first: at most three, by edit distance. For "did you mean".
MILLRACE_EXPORT std::vector<std::string> close_names(std::string_view name, const std::vector<std::string>& known);

template <class T>
concept StageClass = std::derived_from<T, Stage> && std::constructible_from<T, const ParamValue&> &&
    requires(StageDescriptor& spec) {
  T::describe(spec);
};

template <StageClass T>
StageInfo make_stage_info(std::string name) {
  StageInfo info;
  info.name = std::move(name);
  info.kind = std::derived_from<T, Source>      ? StageKind::source
              : std::derived_from<T, Transform> ? StageKind::transform
                                                : StageKind::serial;
  T::describe(info.spec);
  info.make = [](const ParamValue& params) -> std::unique_ptr<Stage> { return std::make_unique<T>(params); };
  return info;
}

/// The stages of the shared object this header is compiled into. Hidden, so two plugins never share one list.
class MILLRACE_HIDDEN PluginStages {
 public:
  using Maker = StageInfo (*)();
  static std::vector<Maker>& list() {
    static std::vector<Maker> makers;
    return makers;
  }
  explicit PluginStages(Maker maker) { list().push_back(maker); }
  static void register_all(void* registry) {
    for (Maker maker : list()) static_cast<StageRegistry*>(registry)->add(maker());
  }
};

namespace detail {
constexpr LayoutNote layout_of_this_build() {
  return layout_note(LayoutHash().type<StageInfo>().type<StageRegistry>().value());
}
}  // namespace detail

}  // namespace millrace

#define MILLRACE_DETAIL_CONCAT2(a, b) a##b
#define MILLRACE_DETAIL_CONCAT(a, b) MILLRACE_DETAIL_CONCAT2(a, b)

/// The last line of a stage's file.
#define MILLRACE_REGISTER_STAGE(name, type)                                                              \
  [[maybe_unused]] static const ::millrace::PluginStages MILLRACE_DETAIL_CONCAT(registered_, __LINE__) { \
    [] { return ::millrace::make_stage_info<type>(name); }                                               \
  }

#if defined(__SANITIZE_ADDRESS__)
#define MILLRACE_DETAIL_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define MILLRACE_DETAIL_SANITIZER "thread"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MILLRACE_DETAIL_SANITIZER "address"
#elif __has_feature(thread_sanitizer)
#define MILLRACE_DETAIL_SANITIZER "thread"
#endif
#endif
#ifndef MILLRACE_DETAIL_SANITIZER
#define MILLRACE_DETAIL_SANITIZER "none"
#endif
#ifdef __clang__
#define MILLRACE_DETAIL_COMPILER "clang " __clang_version__
#else
#define MILLRACE_DETAIL_COMPILER "g++ " __VERSION__
#endif
#define MILLRACE_DETAIL_TEXT2(x) #x
#define MILLRACE_DETAIL_TEXT(x) MILLRACE_DETAIL_TEXT2(x)
#ifdef _LIBCPP_VERSION
#define MILLRACE_DETAIL_STDLIB "libc++ " MILLRACE_DETAIL_TEXT(_LIBCPP_VERSION)
#else
#define MILLRACE_DETAIL_STDLIB \
  "libstdc++ " MILLRACE_DETAIL_TEXT(__GLIBCXX__) MILLRACE_DETAIL_OLD_ABI MILLRACE_DETAIL_DEBUG_MODE
#endif
// Both change the layout of types that cross the border.
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define MILLRACE_DETAIL_OLD_ABI " old-abi"
#else
#define MILLRACE_DETAIL_OLD_ABI ""
#endif
#ifdef _GLIBCXX_DEBUG
#define MILLRACE_DETAIL_DEBUG_MODE " dbg"
#else
#define MILLRACE_DETAIL_DEBUG_MODE ""
#endif

/// The note alone, with the layout of what crosses, for a plugin that writes its entry point by hand.
#define MILLRACE_DEFINE_NOTE()                                                                                     \
  extern "C" __attribute__((used, visibility("default"), section(MILLRACE_NOTE_SECTION)))                          \
  const millrace_plugin_note millrace_note = {MILLRACE_PLUGIN_MAGIC,     MILLRACE_PLUGIN_API_VERSION,              \
                                              MILLRACE_DETAIL_COMPILER,  MILLRACE_DETAIL_STDLIB,                   \
                                              MILLRACE_DETAIL_SANITIZER, MILLRACE_VERSION};                        \
  extern "C"                                                                                                       \
      __attribute__((used, visibility("default"),                                                                  \
                     section(MILLRACE_LAYOUT_SECTION))) constexpr ::millrace::detail::LayoutNote millrace_layout = \
          ::millrace::detail::layout_of_this_build()

/// Once in a plugin: its note, and its entry point with every stage that MILLRACE_REGISTER_STAGE names in its files.
#define MILLRACE_PLUGIN(plugin_name, plugin_version, plugin_license)                                              \
  MILLRACE_DEFINE_NOTE();                                                                                         \
  extern "C" MILLRACE_EXPORT const millrace_plugin* millrace_plugin_entry(void) {                                 \
    static const millrace_plugin plugin{MILLRACE_PLUGIN_API_VERSION, plugin_name, plugin_version, plugin_license, \
                                        &::millrace::PluginStages::register_all};                                 \
    return &plugin;                                                                                               \
  }                                                                                                               \
  static_assert(true)
