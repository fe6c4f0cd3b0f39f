# Compiles *.cu with nvcc, called directly: CMake's own CUDA language would have to know the pair of nvcc and C++ standard (3.25
# refuses CUDA 13 with C++20), expects the folders of a full toolkit, and links a second, static CUDA runtime.
#
#   SER_NVCC                     the compiler; where it is not set: $CUDACXX, $CUDA_HOME, $CUDA_PATH, /usr/local/cuda, PATH
#   SER_CUDA_ARCHS               compute capabilities without the dot, e.g. "80;90"; the last one is kept as PTX as well, which
#                                newer GPUs compile for themselves. Default: 80, 90 and 100, of these what the compiler knows
#   SER_CUDA_INCLUDE             folder of the CUDA runtime's headers
#   ser_cuda_objects(OUT files)  commands that compile each file; the objects' paths go to OUT
set(SER_NVCC "" CACHE FILEPATH "nvcc, of the same major version as LibTorch's CUDA; empty = look for it")
set(SER_CUDA_ARCHS "" CACHE STRING "Compute capabilities to compile for, e.g. 80;90 (empty = 80, 90 and 100 where nvcc can)")
if(MSVC OR APPLE)
  message(FATAL_ERROR "The CUDA variant is for Linux.")
endif()

set(SER_NVCC_FOUND "${SER_NVCC}")
if(NOT SER_NVCC_FOUND)
  set(SER_NVCC_FOUND "$ENV{CUDACXX}")
endif()
if(NOT SER_NVCC_FOUND)
  find_program(SER_NVCC_ON_PATH nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin NO_CACHE)
  set(SER_NVCC_FOUND "${SER_NVCC_ON_PATH}")
endif()
if(NOT SER_NVCC_FOUND)
  message(FATAL_ERROR "nvcc was not found: pass -DSER_NVCC=FILE or set CUDA_HOME; `ser-native setup --variant cuda` fetches one.")
endif()
execute_process(COMMAND ${SER_NVCC_FOUND} --version OUTPUT_VARIABLE SER_NVCC_TEXT RESULT_VARIABLE SER_NVCC_STATUS ERROR_QUIET)
if(NOT SER_NVCC_STATUS EQUAL 0 OR NOT SER_NVCC_TEXT MATCHES "release ([0-9]+)\\.([0-9]+)")
  message(FATAL_ERROR "${SER_NVCC_FOUND} is no nvcc that runs.")
endif()
set(SER_NVCC_MAJOR ${CMAKE_MATCH_1})
set(SER_NVCC_RELEASE ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})

# /usr/local/cuda/bin/nvcc may be a link into a versioned folder; the headers lie beside the real one.
get_filename_component(SER_NVCC_REAL ${SER_NVCC_FOUND} REALPATH)
get_filename_component(SER_TOOLKIT ${SER_NVCC_REAL}/../.. ABSOLUTE)
find_path(SER_CUDA_INCLUDE cuda_runtime_api.h
  HINTS ${SER_TOOLKIT}/include ${SER_TOOLKIT}/targets/x86_64-linux/include ${SER_TOOLKIT}/targets/sbsa-linux/include NO_CACHE)
if(NOT SER_CUDA_INCLUDE)
  message(FATAL_ERROR "${SER_NVCC_FOUND} has no cuda_runtime_api.h beside it: the toolkit is not complete.")
endif()

set(SER_ARCHS ${SER_CUDA_ARCHS})
if(NOT SER_ARCHS)
  execute_process(COMMAND ${SER_NVCC_FOUND} --list-gpu-arch OUTPUT_VARIABLE SER_NVCC_KNOWS ERROR_QUIET)
  foreach(arch 80 90 100)
    if(SER_NVCC_KNOWS MATCHES "compute_${arch}\n")
      list(APPEND SER_ARCHS ${arch})
    endif()
  endforeach()
endif()
# Commas as well, since a semicolon does not survive every shell and every caller.
string(REPLACE "," ";" SER_ARCHS "${SER_ARCHS}")
set(SER_GENCODE "")
foreach(arch IN LISTS SER_ARCHS)
  list(APPEND SER_GENCODE -gencode=arch=compute_${arch},code=sm_${arch})
endforeach()
list(GET SER_ARCHS -1 arch)
list(APPEND SER_GENCODE -gencode=arch=compute_${arch},code=compute_${arch})
string(REPLACE ";" "," SER_ARCHS_TEXT "${SER_ARCHS}")
message(STATUS "nvcc ${SER_NVCC_RELEASE} (${SER_NVCC_FOUND}) for compute capability ${SER_ARCHS_TEXT}, PTX of ${arch}")

set(SER_NVCC_FLAGS
  -ccbin ${CMAKE_CXX_COMPILER}
  -std=c++20 -O3 -lineinfo --expt-relaxed-constexpr
  # As for the engine's own units: host code must not depend on the compiler's mood either.
  -Xcompiler=-fPIC,-Wall,-ffp-contract=off
  -I${CMAKE_CURRENT_SOURCE_DIR}/native
  ${SER_GENCODE})

function(ser_cuda_objects out)
  set(objects "")
  foreach(source IN LISTS ARGN)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/cuda/${source}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    set(flags ${SER_NVCC_FLAGS})
    if(source MATCHES "^native/mix/")
      # Mixed samples are to equal the CPU's bit for bit, which never fuses a multiplication with an addition.
      list(APPEND flags -fmad=false)
    endif()
    get_source_file_property(own ${source} SER_NVCC_FLAGS)
    if(own)
      list(APPEND flags ${own})
    endif()
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${SER_NVCC_FOUND} ${flags} -MD -MT ${object} -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
      DEPFILE ${object}.d
      COMMENT "Compiling ${source} with nvcc"
      VERBATIM)
    set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
    list(APPEND objects ${object})
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
