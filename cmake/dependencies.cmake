find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED)
find_package(Eigen3 3.4 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)

# Not find_package(dnnl): Debian's package file asks for OpenCL, which nothing here uses.
find_library(DNNL_LIBRARY dnnl REQUIRED)
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
add_library(adze_dnnl INTERFACE)
target_link_libraries(adze_dnnl INTERFACE ${DNNL_LIBRARY})
target_include_directories(adze_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})

# Tables of checkpoints.
find_library(LEVELDB_LIBRARY leveldb REQUIRED)
find_path(LEVELDB_INCLUDE_DIR leveldb/table.h REQUIRED)
find_library(SNAPPY_LIBRARY snappy REQUIRED)
find_path(SNAPPY_INCLUDE_DIR snappy.h REQUIRED)
add_library(adze_leveldb INTERFACE)
target_link_libraries(adze_leveldb INTERFACE ${LEVELDB_LIBRARY} ${SNAPPY_LIBRARY})
target_include_directories(adze_leveldb SYSTEM INTERFACE ${LEVELDB_INCLUDE_DIR}
                                                         ${SNAPPY_INCLUDE_DIR})

# Optional: several processes that calibrate together under mpirun.
set(MPI_CXX_SKIP_MPICXX ON)
find_package(MPI COMPONENTS CXX)

# Optional: LibTorch, which retraining runs on.
if(NOT ADZE_TORCH STREQUAL "OFF")
  find_package(Torch QUIET)
  if(Torch_FOUND)
    set(ADZE_WITH_TORCH ON)
    add_library(adze_libtorch INTERFACE)
    target_link_libraries(adze_libtorch INTERFACE ${TORCH_LIBRARIES})
    target_include_directories(adze_libtorch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
    # Optional: Gloo's headers, which LibTorch's own of several processes include; and NCCL's.
    find_path(ADZE_GLOO_HEADERS gloo/context.h HINTS ${TORCH_INCLUDE_DIRS})
    find_path(ADZE_NCCL_HEADERS nccl.h HINTS ${TORCH_INCLUDE_DIRS})
  elseif(ADZE_TORCH STREQUAL "ON")
    message(FATAL_ERROR "ADZE_TORCH is ON, but there is no LibTorch; install libtorch-dev, or give "
                        "the folder of another one with -DCMAKE_PREFIX_PATH")
  endif()
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Messages of proto/*.proto, used by src/io only.
file(GLOB proto_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/proto/*.proto")
add_library(adze_proto STATIC ${proto_files})
target_link_libraries(adze_proto PUBLIC protobuf::libprotobuf)
target_include_directories(adze_proto SYSTEM PUBLIC "${PROJECT_BINARY_DIR}")
protobuf_generate(TARGET adze_proto LANGUAGE cpp IMPORT_DIRS "${PROJECT_SOURCE_DIR}/proto")
target_compile_options(adze_proto PRIVATE -w)
if(ADZE_SANITIZE MATCHES thread)  # for which protobuf's headers lay out maps as its library does not
  target_compile_options(adze_proto PUBLIC -U__SANITIZE_THREAD__)
endif()
