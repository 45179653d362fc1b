# millrace_add_plugin(NAME SOURCES a.cpp b.cpp ... [OBJECTS objects_target]): a plugin, one shared object with hidden symbols and no undefined ones.
# The target's file is NAME.so. With OBJECTS, the same sources are also an object library that tests can link.
function(millrace_add_plugin name)
  cmake_parse_arguments(arg "" "OBJECTS" "SOURCES" ${ARGN})
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "use millrace_add_plugin(${name} SOURCES a.cpp ... [OBJECTS objects_target])")
  endif()
  if(arg_OBJECTS)
    add_library(${arg_OBJECTS} OBJECT ${arg_SOURCES})
    target_link_libraries(${arg_OBJECTS} PUBLIC millrace::framework)
    set_target_properties(${arg_OBJECTS} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                                                    VISIBILITY_INLINES_HIDDEN ON)
    add_library(${name} MODULE $<TARGET_OBJECTS:${arg_OBJECTS}>)
  else()
    add_library(${name} MODULE ${arg_SOURCES})
  endif()
  target_link_libraries(${name} PRIVATE millrace::framework)
  # clang links a sanitizer's runtime into the executable only, so an instrumented plugin has undefined symbols by design.
  if(NOT MILLRACE_SANITIZER OR MILLRACE_SANITIZER STREQUAL "none")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
