# What every target of ours is built with. Targets and properties only; nothing global but the defaults below.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
# One search path for the build tree and for an installation, relative to the program: CMake would otherwise fill the build's with
# colons up to the length of the installation's, and an empty element is the current folder to the loader. What is opened by a
# program has none, as the program has Millrace's library already. A CMAKE_INSTALL_RPATH that is set from outside is added.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
set(millrace_other_folders ${CMAKE_INSTALL_RPATH})
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib" ${millrace_other_folders})
if(NOT CMAKE_INSTALL_LIBDIR STREQUAL "lib")
  list(PREPEND CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()
# millrace_opened(TARGET...): shared objects that a program opens or finds itself.
function(millrace_opened)
  set_target_properties(${ARGN} PROPERTIES INSTALL_RPATH "${millrace_other_folders}")
endfunction()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(millrace_build INTERFACE)
target_compile_features(millrace_build INTERFACE cxx_std_20)
# No contraction: a multiply and an add round twice, on every machine, so that the decoded pixels have the same bits.
target_compile_options(millrace_build INTERFACE -Wall -Wextra -Wpedantic -Wnon-virtual-dtor -Wold-style-cast
                                                -Woverloaded-virtual -ffp-contract=off -fvisibility=hidden
                                                -fvisibility-inlines-hidden)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 reports overlapping copies inside std::string's own operator+ (its bug 105651).
  target_compile_options(millrace_build INTERFACE -Wno-restrict)
endif()
if(MILLRACE_UNITY_BUILD)
  # Two warnings that mean something in a source by itself, where a build without groups gives them: a variable named as a neighbor's
  # function, and a class of a header that holds a type of its source's own.
  target_compile_options(millrace_build INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
else()
  target_compile_options(millrace_build INTERFACE -Wshadow)
endif()
if(MILLRACE_WARNINGS_AS_ERRORS)
  target_compile_options(millrace_build INTERFACE -Werror)
endif()
if(MILLRACE_NATIVE)
  target_compile_options(millrace_build INTERFACE -march=native)
endif()
if(MILLRACE_SANITIZER STREQUAL "address")
  # oneTBB's flow graph header casts down to a type under construction; vptr would report that and nothing of ours.
  set(millrace_sanitize -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(MILLRACE_SANITIZER STREQUAL "thread")
  set(millrace_sanitize -fsanitize=thread)
endif()
if(millrace_sanitize)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The instrumentation hides initializations from g++'s flow analysis; the release build keeps this warning.
    list(APPEND millrace_sanitize -Wno-maybe-uninitialized)
  endif()
  # What the sanitizers' own pages advise: half the time to compile, and a trace still names functions and lines.
  target_compile_options(millrace_build INTERFACE ${millrace_sanitize} -O1 -g1)
  target_link_options(millrace_build INTERFACE ${millrace_sanitize})
endif()

# What the results of a run depend on, in words; `pipeline-run --version` and every run's JSON carry it.
set(MILLRACE_BUILD_FLAGS "${CMAKE_BUILD_TYPE}")
if(MILLRACE_NATIVE)
  string(APPEND MILLRACE_BUILD_FLAGS " -march=native")
endif()
if(NOT MILLRACE_SANITIZER STREQUAL "none")
  string(APPEND MILLRACE_BUILD_FLAGS " -fsanitize=${MILLRACE_SANITIZER}")
endif()
