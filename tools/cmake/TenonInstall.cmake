# What `cmake --install` puts under a prefix: the programs, the runtime with its headers, the Python package (python/tenon,
# beside bin/ as in the build tree) and the CMake package `Tenon`.
include(CMakePackageConfigHelpers)
set(tenonPackageDir "${CMAKE_INSTALL_LIBDIR}/cmake/Tenon")

install(TARGETS tenon_runtime EXPORT TenonTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET tenon_runtime_aarch64-linux-gnu)
  install(FILES "${CMAKE_ARCHIVE_OUTPUT_DIRECTORY}/aarch64-linux-gnu/libtenon_runtime.a"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/aarch64-linux-gnu")
endif()
install(EXPORT TenonTargets NAMESPACE Tenon:: DESTINATION "${tenonPackageDir}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/runtime/include/tenon" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")

foreach(program tenon tenon-opt)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  endif()
endforeach()
if(TARGET tenon_python)
  install(DIRECTORY "${PROJECT_BINARY_DIR}/python/tenon" DESTINATION python PATTERN "__pycache__" EXCLUDE)
endif()

configure_package_config_file(
  "${CMAKE_CURRENT_LIST_DIR}/TenonConfig.cmake.in" "${PROJECT_BINARY_DIR}/TenonConfig.cmake"
  INSTALL_DESTINATION "${tenonPackageDir}" PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/TenonConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/TenonConfig.cmake" "${PROJECT_BINARY_DIR}/TenonConfigVersion.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/TenonAddModel.cmake"
  DESTINATION "${tenonPackageDir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/docs/third-party.md" DESTINATION share/doc/tenon)
