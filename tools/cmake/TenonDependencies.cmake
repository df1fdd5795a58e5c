# Finds MLIR, LLVM and LLD (distribution packages), the cached ONNX library and the header-only libraries.
set(CMAKE_FIND_PACKAGE_SORT_ORDER NATURAL)
set(tenonLlvmRoot "/usr/lib/llvm-${TENON_LLVM_VERSION}" CACHE PATH "prefix of the LLVM packages")
find_package(MLIR REQUIRED CONFIG PATHS "${tenonLlvmRoot}/lib/cmake/mlir" NO_DEFAULT_PATH)
find_package(LLVM REQUIRED CONFIG PATHS "${tenonLlvmRoot}/lib/cmake/llvm" NO_DEFAULT_PATH)
find_package(ZLIB REQUIRED)
find_package(zstd QUIET)
if(NOT TARGET zstd::libzstd_shared)
  # Debian 12's libzstd-dev has no CMake package; LLD's exported targets name this one.
  find_library(TENON_ZSTD_LIBRARY zstd REQUIRED)
  add_library(zstd::libzstd_shared UNKNOWN IMPORTED)
  set_target_properties(zstd::libzstd_shared PROPERTIES IMPORTED_LOCATION "${TENON_ZSTD_LIBRARY}")
endif()
find_package(LLD REQUIRED CONFIG PATHS "${tenonLlvmRoot}/lib/cmake/lld" NO_DEFAULT_PATH)
message(STATUS "LLVM ${LLVM_PACKAGE_VERSION} in ${tenonLlvmRoot}")

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# What every MLIR user includes and links: the shared libraries (a link takes seconds, not minutes).
add_library(tenon_mlir INTERFACE)
target_include_directories(tenon_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(tenon_mlir INTERFACE ${LLVM_DEFINITIONS_LIST})
target_link_libraries(tenon_mlir INTERFACE MLIR LLVM)

# The linker as a library.
add_library(tenon_lld INTERFACE)
target_link_libraries(tenon_lld INTERFACE lldELF lldCommon tenon_mlir)

# Header-only libraries of the distribution.
find_package(nlohmann_json REQUIRED)
find_path(TENON_CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
add_library(tenon_cli11 INTERFACE)
target_include_directories(tenon_cli11 SYSTEM INTERFACE "${TENON_CLI11_INCLUDE}")

include(TenonOnnx)
include(TenonRe2)
