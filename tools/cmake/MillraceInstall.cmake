# Install and export, so that find_package(Millrace) works from an install prefix.
include(CMakePackageConfigHelpers)
set(millrace_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Millrace")

install(TARGETS millrace_framework millrace_testing EXPORT MillraceTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS millrace_stages random_affine LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/millrace/plugins")
if(TARGET millrace_cuda)
  install(TARGETS millrace_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/millrace" OPTIONAL)  # no plugin: it lies beside their folder
endif()
if(TARGET pipeline-run)
  install(TARGETS pipeline-run RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(DIRECTORY framework/include/millrace DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY configs/ DESTINATION "${CMAKE_INSTALL_DATADIR}/millrace/configs" FILES_MATCHING PATTERN "*.yaml")
# The documents keep the checkout's layout, so that what they say of each other holds.
install(FILES LICENSE README.md CHANGELOG.md CONTRIBUTING.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES framework/README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}/framework")
install(FILES configs/README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}/configs")
install(DIRECTORY docs examples DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY framework/decisions DESTINATION "${CMAKE_INSTALL_DOCDIR}/framework")
# Completion is the program's own answer, and none is installed where it cannot run.
install(CODE "
  foreach(shell bash zsh)
    execute_process(COMMAND \"$<TARGET_FILE:pipeline-run>\" completion \${shell} OUTPUT_VARIABLE script_\${shell} ERROR_QUIET)
  endforeach()
  set(share \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}\")
  if(script_bash AND script_zsh)
    file(WRITE \"\${share}/bash-completion/completions/pipeline-run\" \"\${script_bash}\")
    file(WRITE \"\${share}/zsh/site-functions/_pipeline_run\" \"\${script_zsh}\")
  endif()")

# The package twice: of an installation, and of this build, so that `new-stage` works from a build tree as well.
set(MILLRACE_PACKAGE_PROGRAMS "${CMAKE_INSTALL_BINDIR}")
set(MILLRACE_PACKAGE_PLUGINS "${CMAKE_INSTALL_LIBDIR}/millrace/plugins")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/MillraceConfig.cmake.in" "${CMAKE_BINARY_DIR}/package/MillraceConfig.cmake"
                              INSTALL_DESTINATION "${millrace_cmake_dir}"
                              PATH_VARS MILLRACE_PACKAGE_PROGRAMS MILLRACE_PACKAGE_PLUGINS)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/MillraceConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(EXPORT MillraceTargets NAMESPACE millrace:: DESTINATION "${millrace_cmake_dir}")
install(FILES "${CMAKE_BINARY_DIR}/package/MillraceConfig.cmake" "${CMAKE_BINARY_DIR}/MillraceConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/MillraceAddPlugin.cmake"
        DESTINATION "${millrace_cmake_dir}")

set(MILLRACE_PACKAGE_PROGRAMS bin)
set(MILLRACE_PACKAGE_PLUGINS lib/plugins)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/MillraceConfig.cmake.in" "${CMAKE_BINARY_DIR}/MillraceConfig.cmake"
                              INSTALL_DESTINATION . INSTALL_PREFIX "${CMAKE_BINARY_DIR}"
                              PATH_VARS MILLRACE_PACKAGE_PROGRAMS MILLRACE_PACKAGE_PLUGINS)
export(EXPORT MillraceTargets NAMESPACE millrace:: FILE "${CMAKE_BINARY_DIR}/MillraceTargets.cmake")
configure_file("${CMAKE_CURRENT_LIST_DIR}/MillraceAddPlugin.cmake" "${CMAKE_BINARY_DIR}/MillraceAddPlugin.cmake" COPYONLY)
