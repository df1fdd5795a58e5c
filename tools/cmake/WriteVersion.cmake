# cmake -P script: fills in compiler/Support/Version.h.in. Inputs: source, template, output, version, llvmVersion.
execute_process(
  COMMAND git -C "${source}" describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  set(revision "unknown")
endif()
configure_file("${template}" "${output}" @ONLY)
