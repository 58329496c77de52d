# The only place where anything from outside the repository is found. Nothing
# is downloaded here: scripts/setup does that.

# fedtorch_need(<package> <Debian package> <minimum> [COMPONENTS ...]): finds a
# package or stops with the name of what to install.
macro(fedtorch_need package debian minimum)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR
      "${package} ${minimum} or newer was not found. On Debian it is the "
      "package ${debian}; scripts/setup installs all that is needed.")
  endif()
  if(DEFINED ${package}_VERSION AND ${package}_VERSION VERSION_LESS ${minimum})
    message(FATAL_ERROR
      "${package} ${minimum} or newer is needed, found ${${package}_VERSION}. "
      "On Debian 12 the package ${debian} is new enough.")
  endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
fedtorch_need(Threads libc6-dev 0)
fedtorch_need(TBB libtbb-dev 2021.5 CONFIG)
fedtorch_need(yaml-cpp libyaml-cpp-dev 0.7 CONFIG)
fedtorch_need(CLI11 libcli11-dev 2.1 CONFIG)
fedtorch_need(nlohmann_json nlohmann-json3-dev 3.10 CONFIG)
fedtorch_need(hwy libhwy-dev 1.0.3 CONFIG)
fedtorch_need(Eigen3 libeigen3-dev 3.4 CONFIG)
fedtorch_need(OpenSSL libssl-dev 3.0 COMPONENTS Crypto)
fedtorch_need(ZLIB zlib1g-dev 1.2)

# yaml-cpp gives its target a namespace only from 0.8 on.
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

if(FEDTORCH_ENABLED_TESTS)
  fedtorch_need(GTest libgmock-dev 1.12 CONFIG)
  if(NOT TARGET GTest::gmock)
    message(FATAL_ERROR
      "GoogleTest was found without GoogleMock: install libgmock-dev.")
  endif()
endif()

# LibTorch. Its own CMake files demand a CUDA toolkit, so the two libraries
# that the processor path needs are imported by hand. The root is the folder
# that holds include/ and lib/: of the wheel as of the official archive.
set(FEDTORCH_LIBTORCH_VERSION 2.11.0)
set(Torch_ROOT "" CACHE PATH "Folder of LibTorch, with include/ and lib/")

function(fedtorch_find_libtorch result)
  if(DEFINED ENV{XDG_CACHE_HOME} AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache "$ENV{XDG_CACHE_HOME}")
  else()
    set(cache "$ENV{HOME}/.cache")
  endif()
  set(default "${cache}/fedtorch/libtorch-${FEDTORCH_LIBTORCH_VERSION}/torch")
  # The first that is named is meant; a wrong name is an error, not a reason
  # to take another one.
  foreach(source "Torch_ROOT=${Torch_ROOT}" "Torch_ROOT=$ENV{Torch_ROOT}"
          "LIBTORCH=$ENV{LIBTORCH}" "the cache=${default}")
    string(FIND "${source}" "=" at)
    string(SUBSTRING "${source}" 0 ${at} name)
    math(EXPR at "${at} + 1")
    string(SUBSTRING "${source}" ${at} -1 root)
    if(root STREQUAL "")
      continue()
    endif()
    if(NOT EXISTS "${root}/lib/libtorch_cpu.so"
       OR NOT EXISTS "${root}/lib/libc10.so"
       OR NOT EXISTS "${root}/include/ATen/ATen.h")
      message(FATAL_ERROR
        "No LibTorch in ${root} (named by ${name}): lib/libtorch_cpu.so, "
        "lib/libc10.so and include/ATen/ATen.h must be there. Run "
        "scripts/setup, which fetches LibTorch, or name an existing one by "
        "-DTorch_ROOT=... or the environment variable LIBTORCH.")
    endif()
    set(${result} "${root}" PARENT_SCOPE)
    return()
  endforeach()
endfunction()

function(fedtorch_import_libtorch)
  fedtorch_find_libtorch(root)
  set(version "")
  foreach(header torch/headeronly/version.h
          torch/csrc/api/include/torch/version.h)
    if(EXISTS "${root}/include/${header}")
      file(STRINGS "${root}/include/${header}" lines
        REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
      string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
      string(REPLACE ";" "." version "${numbers}")
      if(version)
        break()
      endif()
    endif()
  endforeach()
  # 2.7 is the first release whose libraries all use the C++11 string type.
  if(NOT version OR version VERSION_LESS 2.7)
    message(FATAL_ERROR
      "LibTorch 2.7 or newer is needed, ${root} holds '${version}'.")
  endif()
  message(STATUS "LibTorch ${version}: ${root}")

  foreach(name torch_cpu c10)
    add_library(fedtorch_lib${name} SHARED IMPORTED GLOBAL)
    set_target_properties(fedtorch_lib${name} PROPERTIES
      IMPORTED_LOCATION "${root}/lib/lib${name}.so"
      IMPORTED_SONAME "lib${name}.so")
  endforeach()
  add_library(fedtorch_torch INTERFACE)
  target_include_directories(fedtorch_torch SYSTEM INTERFACE
    "${root}/include" "${root}/include/torch/csrc/api/include")
  target_compile_definitions(fedtorch_torch INTERFACE
    _GLIBCXX_USE_CXX11_ABI=1)
  target_link_libraries(fedtorch_torch INTERFACE
    fedtorch_libtorch_cpu fedtorch_libc10)
  # The wheel's libraries find libcudart and libcupti by their own run path;
  # the linker has to be told.
  target_link_options(fedtorch_torch INTERFACE
    "LINKER:-rpath-link,${root}/lib"
    "LINKER:-rpath-link,${root}/../nvidia/cu13/lib")
  set(FEDTORCH_LIBTORCH_FOUND_VERSION "${version}" PARENT_SCOPE)
endfunction()

fedtorch_import_libtorch()
