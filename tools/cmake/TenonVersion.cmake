# Writes compiler/Support/Version.h into the build tree: the project's version, the revision it is built from, LLVM's version.
# The revision is looked up at every build (a script of milliseconds); the header changes only when it does.
set(tenonVersionTemplate "${PROJECT_SOURCE_DIR}/compiler/Support/Version.h.in")
set(tenonVersionHeader "${PROJECT_BINARY_DIR}/compiler/Support/Version.h")
set(tenonVersionScript
  ${CMAKE_COMMAND} -D "source=${PROJECT_SOURCE_DIR}" -D "template=${tenonVersionTemplate}" -D "output=${tenonVersionHeader}"
  -D "version=${PROJECT_VERSION}" -D "llvmVersion=${LLVM_PACKAGE_VERSION}"
  -P "${CMAKE_CURRENT_LIST_DIR}/WriteVersion.cmake")
execute_process(COMMAND ${tenonVersionScript} COMMAND_ERROR_IS_FATAL ANY)
add_custom_target(tenon_version COMMAND ${tenonVersionScript} BYPRODUCTS "${tenonVersionHeader}" VERBATIM)
add_dependencies(tenon_generated tenon_version)
