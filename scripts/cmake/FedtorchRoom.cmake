# The functions by which rooms, tests and programs are declared.

# One precompiled header for all targets that use LibTorch: a file with
# <ATen/ATen.h> then compiles in 2.5 s instead of 10. The umbrella header
# <torch/torch.h> is not in it, on purpose: it would be mapped into every file.
function(fedtorch_use_torch target)
  if(NOT TARGET fedtorch_torch_header)
    set(source "${CMAKE_BINARY_DIR}/generated/torch_header.cc")
    file(CONFIGURE OUTPUT "${source}" CONTENT
      "// Generated: carries the precompiled header of LibTorch.\n")
    add_library(fedtorch_torch_header OBJECT "${source}")
    target_link_libraries(fedtorch_torch_header PRIVATE fedtorch_torch)
    target_compile_options(fedtorch_torch_header PRIVATE
      $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
    target_precompile_headers(fedtorch_torch_header PRIVATE <ATen/ATen.h>)
  endif()
  target_link_libraries(${target} PRIVATE fedtorch_torch)
  target_compile_options(${target} PRIVATE
    $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_precompile_headers(${target} REUSE_FROM fedtorch_torch_header)
endfunction()

# Remembers what a target links, for fedtorch_check_links.
function(fedtorch_remember_links target)
  foreach(link IN LISTS ARGN)
    set_property(GLOBAL APPEND PROPERTY FEDTORCH_LINKS "${target} ${link}")
  endforeach()
endfunction()

# fedtorch_room(NAME <room> [TORCH]
#   SOURCES <file>... [LINKS <target>...] [PRIVATE_LINKS <target>...]
#   [KINDS NAMESPACE <ns> HEADER <header> DIR <folder>])
#
# The static library fedtorch_<room>. LINKS are targets whose headers appear in
# the room's own headers, PRIVATE_LINKS those that only its sources include.
# TORCH rooms see LibTorch in their sources; whoever links them does not. A
# room with a second folder of kinds calls fedtorch_kinds once more.
function(fedtorch_room)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "TORCH;KINDS"
    "NAME;NAMESPACE;HEADER;DIR" "SOURCES;LINKS;PRIVATE_LINKS")
  if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_NAME)
    message(FATAL_ERROR
      "fedtorch_room(${ARG_NAME}): what is '${ARG_UNPARSED_ARGUMENTS}'?")
  endif()
  set(target "fedtorch_${ARG_NAME}")
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target}
    PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS} Threads::Threads)
  fedtorch_remember_links(${target} ${ARG_LINKS} ${ARG_PRIVATE_LINKS})
  if(ARG_TORCH)
    fedtorch_use_torch(${target})
  endif()
  if(ARG_KINDS)
    fedtorch_kinds(${target}
      NAMESPACE "${ARG_NAMESPACE}" HEADER "${ARG_HEADER}" DIR "${ARG_DIR}")
  endif()
endfunction()

# fedtorch_program(NAME <name> SOURCES <file>... [LINKS <target>...])
#
# The program <build>/bin/<name>.
function(fedtorch_program)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "NAME" "SOURCES;LINKS")
  if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_NAME)
    message(FATAL_ERROR
      "fedtorch_program(${ARG_NAME}): what is '${ARG_UNPARSED_ARGUMENTS}'?")
  endif()
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_include_directories(${ARG_NAME} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_LINKS} Threads::Threads)
  fedtorch_remember_links(${ARG_NAME} ${ARG_LINKS})
endfunction()

# fedtorch_test(NAME <room> [TORCH] SOURCES <file>... [LINKS <target>...]
#   [TIMEOUT <seconds>] [ENVIRONMENT <name=value>...])
#
# The program <build>/bin/test_<room> and one ctest entry of that name with the
# label <room>: a process that links LibTorch takes half a second to start, so
# there is no entry for every TEST. It runs in the root of the repository, with
# FEDTORCH_SOURCE_DIR and FEDTORCH_FEDRUN (path of the program) set.
function(fedtorch_test)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "TORCH" "NAME;TIMEOUT"
    "SOURCES;LINKS;ENVIRONMENT")
  if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_NAME)
    message(FATAL_ERROR
      "fedtorch_test(${ARG_NAME}): what is '${ARG_UNPARSED_ARGUMENTS}'?")
  endif()
  set(target "test_${ARG_NAME}")
  add_executable(${target} ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE
    ${ARG_LINKS} fedtorch_gtest_main GTest::gmock Threads::Threads)
  fedtorch_remember_links(${target} ${ARG_LINKS})
  # Tests are compiled often and run once: less optimisation is less waiting.
  target_compile_options(${target} PRIVATE -O1)
  if(ARG_TORCH)
    target_link_libraries(${target} PRIVATE fedtorch_torch)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  if(FEDTORCH_SANITIZE)
    math(EXPR ARG_TIMEOUT "6 * ${ARG_TIMEOUT}")
  endif()
  add_test(NAME ${target} COMMAND ${target}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${target} PROPERTIES
    LABELS "${ARG_NAME}"
    TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "FEDTORCH_SOURCE_DIR=${PROJECT_SOURCE_DIR};\
FEDTORCH_FEDRUN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/fedrun;${ARG_ENVIRONMENT}")
endfunction()

# Names every link to a room that does not exist. CMake itself would take the
# name for a library of the system and leave the message to the linker.
function(fedtorch_check_links)
  get_property(links GLOBAL PROPERTY FEDTORCH_LINKS)
  set(problems "")
  foreach(pair IN LISTS links)
    string(REPLACE " " ";" pair "${pair}")
    list(GET pair 0 target)
    list(GET pair 1 link)
    if(NOT TARGET "${link}")
      string(APPEND problems "\n  ${target} links ${link}")
    endif()
  endforeach()
  if(problems)
    message(FATAL_ERROR "Targets that do not exist:${problems}")
  endif()
endfunction()
