# Imports RE2, which tools/setup/re2.py builds once into a cache folder outside the build tree.
# Target: tenon_re2 (the static library and its inner headers).
set(TENON_RE2_PREFIX "" CACHE PATH "prefix of RE2; empty: the one in the cache")
set(tenonRe2Prefix "${TENON_RE2_PREFIX}")
if(NOT tenonRe2Prefix)
  execute_process(
    COMMAND ${TENON_PYTHON} "${PROJECT_SOURCE_DIR}/tools/setup/re2.py" --print-prefix
    OUTPUT_VARIABLE tenonRe2Prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT EXISTS "${tenonRe2Prefix}/lib/libre2.a")
  message(FATAL_ERROR "RE2 is not in ${tenonRe2Prefix}: run tools/bootstrap")
endif()
add_library(tenon_re2 INTERFACE)
target_include_directories(tenon_re2 SYSTEM INTERFACE "${tenonRe2Prefix}/include")
target_link_libraries(tenon_re2 INTERFACE "${tenonRe2Prefix}/lib/libre2.a" pthread)
