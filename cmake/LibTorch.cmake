# LibTorch as imported targets, described here instead of by its own find_package(Torch), which demands a CUDA toolkit of the
# exact version as soon as the build has CUDA, and links libtorch.so, which needs libtorch_cuda.so even for a CPU addon.
#
#   torch::cpu      headers and compile settings for units that use ATen and autograd
#   torch::cuda     the same for units that also use c10/cuda and the CUDA runtime (with SER_CUDA only)
#   torch::runtime  what a module or program links
#   LIBTORCH_RPATH  where the loader finds the libraries
#   LIBTORCH_VERSION, e.g. 2.13.0
if(NOT LIBTORCH_DIR)
  message(FATAL_ERROR "LibTorch is not set: pass -DLIBTORCH_DIR=FOLDER (with include/ and lib/) or set SER_LIBTORCH; `ser-native setup` does it for you.")
endif()
get_filename_component(LIBTORCH_DIR "${LIBTORCH_DIR}" ABSOLUTE)

set(LIBTORCH_INCLUDE ${LIBTORCH_DIR}/include ${LIBTORCH_DIR}/include/torch/csrc/api/include)
set(SER_TORCH_VERSION_H ${LIBTORCH_DIR}/include/torch/csrc/api/include/torch/version.h)
if(NOT EXISTS ${SER_TORCH_VERSION_H} OR NOT EXISTS ${LIBTORCH_DIR}/lib)
  message(FATAL_ERROR "No LibTorch in ${LIBTORCH_DIR}: expected include/torch/csrc/api/include/torch/version.h and lib/.")
endif()

# Newer releases moved the numbers to another header; either has plain #define lines.
set(LIBTORCH_VERSION "")
foreach(header ${SER_TORCH_VERSION_H} ${LIBTORCH_DIR}/include/torch/headeronly/version.h)
  if(EXISTS ${header} AND NOT LIBTORCH_VERSION)
    file(READ ${header} text)
    if(text MATCHES "TORCH_VERSION_MAJOR ([0-9]+)" )
      set(LIBTORCH_VERSION ${CMAKE_MATCH_1})
      string(REGEX MATCH "TORCH_VERSION_MINOR ([0-9]+)" _ "${text}")
      string(APPEND LIBTORCH_VERSION ".${CMAKE_MATCH_1}")
      string(REGEX MATCH "TORCH_VERSION_PATCH ([0-9]+)" _ "${text}")
      string(APPEND LIBTORCH_VERSION ".${CMAKE_MATCH_1}")
    endif()
  endif()
endforeach()
message(STATUS "LibTorch ${LIBTORCH_VERSION} in ${LIBTORCH_DIR}")

# Adds an imported shared library `torch::<name>` for lib<name> in LibTorch's lib folder.
function(ser_import_library name)
  find_library(SER_LIB_${name} NAMES ${name} PATHS ${LIBTORCH_DIR}/lib NO_DEFAULT_PATH NO_CACHE)
  if(NOT SER_LIB_${name})
    message(FATAL_ERROR "${LIBTORCH_DIR}/lib has no library ${name}: the folder is not complete.")
  endif()
  add_library(torch::lib_${name} UNKNOWN IMPORTED)
  set_target_properties(torch::lib_${name} PROPERTIES IMPORTED_LOCATION "${SER_LIB_${name}}")
endfunction()

ser_import_library(c10)
ser_import_library(torch_cpu)

add_library(torch::cpu INTERFACE IMPORTED)
set_target_properties(torch::cpu PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${LIBTORCH_INCLUDE}"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${LIBTORCH_INCLUDE}")
if(UNIX AND NOT APPLE)
  target_compile_definitions(torch::cpu INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
  # at::parallel_for is a template over OpenMP in LibTorch's headers: without the flag it compiles, and runs serially.
  target_compile_options(torch::cpu INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
endif()

# --no-as-needed: backends register themselves at load and no symbol of theirs is named, so the linker would drop them.
add_library(torch::runtime INTERFACE IMPORTED)
set(SER_TORCH_LIBRARIES torch::lib_torch_cpu torch::lib_c10)
set(LIBTORCH_RPATH "${LIBTORCH_DIR}/lib")
if(SER_CUDA)
  ser_import_library(c10_cuda)
  ser_import_library(torch_cuda)
  # The runtime that LibTorch itself uses: a second one in the process would have its own state. Wheels keep it in a package
  # beside torch/, archives among LibTorch's libraries; a LibTorch of a distribution takes the system's.
  file(GLOB SER_CUDART ${LIBTORCH_DIR}/lib/libcudart*.so* ${LIBTORCH_DIR}/../nvidia/cu*/lib/libcudart.so*
    ${LIBTORCH_DIR}/../nvidia/cuda_runtime/lib/libcudart.so*)
  if(NOT SER_CUDART)
    file(GLOB SER_CUDART ${SER_TOOLKIT}/lib64/libcudart.so ${SER_TOOLKIT}/lib/libcudart.so*)
  endif()
  if(NOT SER_CUDART)
    message(FATAL_ERROR "No libcudart in ${LIBTORCH_DIR}/lib, beside it in nvidia/, or in ${SER_TOOLKIT}.")
  endif()
  list(GET SER_CUDART 0 SER_CUDART)
  get_filename_component(SER_CUDART ${SER_CUDART} REALPATH)
  get_filename_component(folder ${SER_CUDART} DIRECTORY)
  # Files of one toolkit; mixing major versions gives undefined symbols at best.
  if(SER_CUDART MATCHES "libcudart\\.so\\.([0-9]+)" AND NOT CMAKE_MATCH_1 STREQUAL SER_NVCC_MAJOR)
    message(FATAL_ERROR "LibTorch uses CUDA ${CMAKE_MATCH_1} (${SER_CUDART}), and nvcc is release ${SER_NVCC_RELEASE}: pass -DSER_NVCC=FILE of that major version.")
  endif()
  list(APPEND LIBTORCH_RPATH ${folder})
  add_library(torch::lib_cudart UNKNOWN IMPORTED)
  set_target_properties(torch::lib_cudart PROPERTIES IMPORTED_LOCATION ${SER_CUDART})
  # Headers of the other CUDA libraries, which ATen/cuda includes, lie in LibTorch's packages where those are whole.
  file(GLOB SER_CUDA_PACKAGES ${LIBTORCH_DIR}/../nvidia/cu[0-9]*/include)
  add_library(torch::cuda INTERFACE IMPORTED)
  target_link_libraries(torch::cuda INTERFACE torch::cpu)
  target_include_directories(torch::cuda SYSTEM INTERFACE ${SER_CUDA_INCLUDE} ${SER_CUDA_PACKAGES})
  list(APPEND SER_TORCH_LIBRARIES torch::lib_torch_cuda torch::lib_c10_cuda torch::lib_cudart)
endif()
if(UNIX AND NOT APPLE)
  # LibTorch's own OpenMP runtime by its path: its name varies (libgomp.so.1, libgomp-<hash>.so.1), and a second runtime in the
  # process would have a second thread pool.
  file(GLOB SER_GOMP ${LIBTORCH_DIR}/lib/libgomp*.so*)
  if(SER_GOMP)
    list(GET SER_GOMP 0 SER_GOMP)
  else()
    set(SER_GOMP gomp)
  endif()
  target_link_libraries(torch::runtime INTERFACE -Wl,--no-as-needed ${SER_TORCH_LIBRARIES} ${SER_GOMP} -Wl,--as-needed)
  # libtorch_cpu may need libcudart and libcupti, which lie where its own RPATH points; the linker need not look for them.
  target_link_options(torch::runtime INTERFACE -Wl,--allow-shlib-undefined)
else()
  target_link_libraries(torch::runtime INTERFACE ${SER_TORCH_LIBRARIES})
endif()
