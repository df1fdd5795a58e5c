# Picks the compiler the project is built with unless the user picks another one. Must be included before project().
# The LLVM version is named once, in tools/setup/versions.env.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../setup/versions.env" tenonLlvmLine REGEX "^LLVM_VERSION=")
string(REGEX REPLACE "^LLVM_VERSION=\"?([0-9]+)\"?.*" "\\1" TENON_LLVM_VERSION "${tenonLlvmLine}")

if(NOT CMAKE_C_COMPILER AND NOT DEFINED ENV{CC})
  set(CMAKE_C_COMPILER clang-${TENON_LLVM_VERSION})
endif()
if(NOT CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX})
  set(CMAKE_CXX_COMPILER clang++-${TENON_LLVM_VERSION})
endif()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or RelWithDebInfo")
endif()
