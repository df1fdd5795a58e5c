# Imports ONNX's C++ library, which tools/setup/onnx.py builds once into a cache folder outside the build tree.
# Sanitizer builds use the same library: what it allocates is still checked, its own code is not instrumented.
# Target: tenon_onnx (schemas, checker, shape inference, inliner, and the system's protobuf, all static).
set(TENON_ONNX_PREFIX "" CACHE PATH "prefix of ONNX's C++ library; empty: the one in the cache")
set(tenonOnnxPrefix "${TENON_ONNX_PREFIX}")
if(NOT tenonOnnxPrefix)
  execute_process(
    COMMAND ${TENON_PYTHON} "${PROJECT_SOURCE_DIR}/tools/setup/onnx.py" --print-prefix
    OUTPUT_VARIABLE tenonOnnxPrefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT EXISTS "${tenonOnnxPrefix}/lib/cmake/ONNX/ONNXConfig.cmake")
  message(FATAL_ERROR "ONNX's C++ library is not in ${tenonOnnxPrefix}: run tools/bootstrap")
endif()

find_package(Protobuf REQUIRED MODULE)
find_library(TENON_PROTOBUF_ARCHIVE libprotobuf.a REQUIRED)
add_library(tenon_onnx INTERFACE)
target_include_directories(tenon_onnx SYSTEM INTERFACE "${tenonOnnxPrefix}/include" ${Protobuf_INCLUDE_DIRS})
target_compile_definitions(tenon_onnx INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
target_link_libraries(tenon_onnx INTERFACE "${tenonOnnxPrefix}/lib/libonnx.a" "${TENON_PROTOBUF_ARCHIVE}" ZLIB::ZLIB pthread)
