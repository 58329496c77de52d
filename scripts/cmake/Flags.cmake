# Flags of every target of this project. All targets of the tree are our own:
# third-party code is imported, and its headers count as system headers.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU"
   AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR
    "fedtorch needs g++ 12 or newer, this is ${CMAKE_CXX_COMPILER_VERSION}. "
    "Install the package g++-12 and configure with -DCMAKE_CXX_COMPILER=g++-12.")
endif()

set_property(GLOBAL PROPERTY GLOBAL_DEPENDS_NO_CYCLES ON)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(BUILD_SHARED_LIBS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Bits, not only digits, are compared between builds: no contraction into
# fused multiply-adds behind our back and never -ffast-math. No -fopenmp:
# LibTorch brings its own OpenMP run-time library.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  -ffp-contract=off
  # A designated initialiser says what it sets; the rest keeps its default.
  -Wno-missing-field-initializers)
# Two warnings of g++ 12 misread std::string at -O3 (GCC bugs 105651, 105593).
add_compile_options(
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)

if(FEDTORCH_NATIVE)
  add_compile_options(-march=native)
endif()

if(FEDTORCH_SANITIZE)
  string(REPLACE ";" "," sanitizers "${FEDTORCH_SANITIZE}")
  add_compile_options(
    "-fsanitize=${sanitizers}" -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${sanitizers}")
  if(FEDTORCH_SANITIZE STREQUAL "thread")
    # std::atomic_thread_fence of a system header is reported by -Wtsan.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
    include_directories(BEFORE "${PROJECT_SOURCE_DIR}/scripts/sanitizers/thread")
  endif()
endif()

find_program(FEDTORCH_CCACHE ccache)
if(FEDTORCH_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The two kinds of sloppiness are what ccache asks for to cache files that
  # use a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros "${FEDTORCH_CCACHE}")
endif()

find_program(FEDTORCH_LLD ld.lld)
if(FEDTORCH_LLD)
  add_link_options(-fuse-ld=lld)
endif()
