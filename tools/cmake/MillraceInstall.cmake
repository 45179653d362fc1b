# Install and export, so that find_package(Millrace) works from an install prefix.
include(CMakePackageConfigHelpers)
set(millrace_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Millrace")

install(TARGETS millrace_framework EXPORT MillraceTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS millrace_stages random_affine LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/millrace/plugins")
if(TARGET millrace_cuda)
  install(TARGETS millrace_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/millrace" OPTIONAL)  # no plugin: it lies beside their folder
endif()
if(TARGET pipeline-run)
  install(TARGETS pipeline-run RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(DIRECTORY framework/include/millrace DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY configs/ DESTINATION "${CMAKE_INSTALL_DATADIR}/millrace/configs" FILES_MATCHING PATTERN "*.yaml")
install(FILES LICENSE README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/MillraceConfig.cmake.in" "${CMAKE_BINARY_DIR}/MillraceConfig.cmake"
                              INSTALL_DESTINATION "${millrace_cmake_dir}"
                              PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/MillraceConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(EXPORT MillraceTargets NAMESPACE millrace:: DESTINATION "${millrace_cmake_dir}")
install(FILES "${CMAKE_BINARY_DIR}/MillraceConfig.cmake" "${CMAKE_BINARY_DIR}/MillraceConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/MillraceAddPlugin.cmake"
        DESTINATION "${millrace_cmake_dir}")
