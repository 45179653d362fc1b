# An outsider's plugin, built, tested and run against an installed and then moved Millrace, all in paths with spaces.
cmake_minimum_required(VERSION 3.25)
set(work "${BUILD_DIR}/install test")
set(prefix "${work}/moved prefix")
set(plugin_build "${work}/plugin build")

function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "exit ${result}: ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${work}")
step("${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${work}/first prefix")
file(RENAME "${work}/first prefix" "${prefix}")
file(COPY "${SOURCE_DIR}/stages/example_plugin" DESTINATION "${work}")

step("${CMAKE_COMMAND}" -S "${work}/example_plugin" -B "${plugin_build}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
     "-DCMAKE_PREFIX_PATH=${prefix}" -DCMAKE_BUILD_TYPE=Release)
step("${CMAKE_COMMAND}" --build "${plugin_build}")
step("${CMAKE_CTEST_COMMAND}" --test-dir "${plugin_build}" --output-on-failure)

# The installed program finds its own stages and the outsider's, from another folder than the one it was built in.
set(run "${prefix}/bin/pipeline-run")
set(plugin "${plugin_build}/example_plugin.so")
step("${run}" stages flatten)
step("${run}" stages invert --plugin "${plugin}")
if(NOT output MATCHES "Turns bright into dark")
  message(FATAL_ERROR "`stages invert` does not show the plugin's own summary:\n${output}")
endif()
step("${run}" check "${work}/example_plugin/negative.yaml" --plugin "${plugin}")
step("${run}" check "${prefix}/share/millrace/configs/mnist_mlp.yaml")
file(REMOVE_RECURSE "${work}")
message(STATUS "an installed and moved Millrace builds, tests and runs an outsider's plugin")
