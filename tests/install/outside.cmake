# What the tests of this folder share: a fresh folder with spaces in its path, outside of this tree, and steps that must succeed.
execute_process(COMMAND mktemp -d OUTPUT_VARIABLE temporary OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(work "${temporary}/outside folder")
set(prefix "${work}/the prefix")
set(program "${prefix}/bin/pipeline-run")
file(MAKE_DIRECTORY "${work}")

function(fail text)
  file(REMOVE_RECURSE "${temporary}")
  message(FATAL_ERROR "${text}")
endfunction()

# step(FOLDER COMMAND...): runs it there; its output is in `output`.
function(step folder)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${folder}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    fail("exit ${result}: ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# Configures, builds and tests FOLDER in FOLDER/build, with warnings as errors; `seconds` is how long it took.
function(build_and_test folder)
  string(TIMESTAMP start "%s")
  step("${folder}" "${CMAKE_COMMAND}" -S . -B build -G "${GENERATOR}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_CXX_COMPILER=${CXX}"
       -DCMAKE_CXX_FLAGS=-Wall\ -Wextra\ -Werror)
  step("${folder}" "${CMAKE_COMMAND}" --build build --parallel 2)
  step("${folder}" "${CMAKE_CTEST_COMMAND}" --test-dir build --output-on-failure --no-tests=error -V)
  string(TIMESTAMP end "%s")
  math(EXPR seconds "${end} - ${start}")
  set(seconds "${seconds}" PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
  require_apart("${folder}")
  require_own_folders("${folder}/build")
endfunction()

# No object tells the loader to search the current folder.
function(require_own_folders)
  find_program(python python3 REQUIRED)
  step("${work}" "${python}" -B "${SOURCE_DIR}/tools/lint/check_objects.py" ${ARGN})
endfunction()

function(require_apart folder)
  file(GLOB_RECURSE files "${folder}/build/*.ninja" "${folder}/build/CMakeCache.txt" "${folder}/build/*.make")
  foreach(file IN LISTS files)
    file(READ "${file}" text)
    string(FIND "${text}" "${SOURCE_DIR}" at)
    if(NOT at EQUAL -1)
      fail("${file} speaks of ${SOURCE_DIR}")
    endif()
  endforeach()
endfunction()
