# Compile and link options for everything in the tree.
set(CMAKE_C_STANDARD 99)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

# -O2, not CMake's -O3: the compiler's own speed is dominated by MLIR's libraries.
if(TENON_ASSERTIONS)
  set(CMAKE_C_FLAGS_RELEASE "-O2")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
else()
  set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
endif()

# -fPIC for programs too (CMake would give them -fPIE): all users of the precompiled header need the same.
add_compile_options(-fPIC)

# MLIR's generated code leaves parameters unused.
add_compile_options(-Wall -Wextra -Werror -Wno-unused-parameter -fdata-sections -ffunction-sections)
add_link_options(-fuse-ld=lld -Wl,--gc-sections)

if(TENON_SANITIZE)
  add_compile_options(-fsanitize=${TENON_SANITIZE} -O1 -fno-omit-frame-pointer -gline-tables-only)
  add_link_options(-fsanitize=${TENON_SANITIZE})
  if(TENON_SANITIZE MATCHES "undefined")
    # The packaged libraries of LLVM do not carry what the vptr check wants.
    add_compile_options(-fno-sanitize=vptr -fno-sanitize-recover=undefined)
    add_link_options(-fno-sanitize=vptr)
  endif()
endif()

if(TENON_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# ccache has to be told that a precompiled header is a normal input.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(tenonLauncher ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${tenonLauncher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${tenonLauncher})
endif()
