# tenon_add_model(<target> <model.onnx> [NAME <name>] [OPTIONS <option of `tenon compile`>...])
#
# Compiles the model when the project is built and links it into the target, with the runtime. The target can then include
# "<name>.h", which declares the model `<name>`. NAME defaults to the file's name without its extension, as a C identifier.
# The model is compiled again when its file changes.
function(tenon_add_model target model)
  cmake_parse_arguments(arg "" "NAME" "OPTIONS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tenon_add_model: unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT EXISTS "${TENON_COMPILER_EXECUTABLE}")
    message(FATAL_ERROR "tenon_add_model: no compiler at ${TENON_COMPILER_EXECUTABLE}; set TENON_COMPILER_EXECUTABLE")
  endif()
  get_filename_component(modelPath "${model}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  set(name "${arg_NAME}")
  if(NOT name)
    get_filename_component(name "${modelPath}" NAME_WLE)
    string(MAKE_C_IDENTIFIER "${name}" name)
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/tenon/${target}")
  set(archive "${folder}/${name}.a")
  set(header "${folder}/${name}.h")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(
    OUTPUT "${archive}" "${header}"
    COMMAND "${TENON_COMPILER_EXECUTABLE}" compile "${modelPath}" --emit lib --symbol "${name}" ${arg_OPTIONS} -o "${archive}"
    DEPENDS "${modelPath}" "${TENON_COMPILER_EXECUTABLE}"
    COMMENT "Compiling the model ${name}" VERBATIM)
  add_custom_target(${target}_${name} DEPENDS "${archive}" "${header}")
  add_dependencies(${target} ${target}_${name})
  target_include_directories(${target} PRIVATE "${folder}")
  target_link_libraries(${target} PRIVATE "${archive}" Tenon::tenon_runtime)
endfunction()
