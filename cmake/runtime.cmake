# What programs link to run models (adze/runtime.h, from C adze/c_api.h): one shared library of the
# layers up to engine and io, and nothing of calibration or training. `cmake --install BUILD
# --component runtime` installs it; find_package(adze) then gives adze::runtime.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

file(GLOB runtime_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/runtime/*.cc")
add_library(adze_runtime SHARED ${runtime_sources})
add_library(adze::runtime ALIAS adze_runtime)
set_target_properties(adze_runtime PROPERTIES EXPORT_NAME runtime VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_compile_definitions(adze_runtime PRIVATE ADZE_VERSION="${PROJECT_VERSION}")
target_compile_features(adze_runtime INTERFACE cxx_std_20)
target_include_directories(adze_runtime PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                           "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
# Their objects rather than their archives, so that a program finds every function of the installed
# headers; then the libraries of others that they use.
foreach(layer IN ITEMS base tensor graph quant ops passes engine io)
  target_sources(adze_runtime PRIVATE $<TARGET_OBJECTS:adze_${layer}>)
  get_target_property(libraries adze_${layer} LINK_LIBRARIES)
  list(FILTER libraries EXCLUDE REGEX "^adze::")
  target_link_libraries(adze_runtime PRIVATE ${libraries})
endforeach()

# The headers of those layers and what they include; the others speak of calibration and training.
set(runtime_headers
    attr c_api dataset dtype error graph graph_def graph_text integer near_names op parallel quant
    registry runtime session shape tensor)
list(TRANSFORM runtime_headers REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/include/adze/\\1.h")
install(TARGETS adze_runtime EXPORT adze_targets COMPONENT runtime)
install(FILES ${runtime_headers} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/adze" COMPONENT runtime)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/adze")
install(EXPORT adze_targets FILE adze-config.cmake NAMESPACE adze:: DESTINATION ${package_folder}
        COMPONENT runtime)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/adze-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/adze-config-version.cmake" DESTINATION ${package_folder}
        COMPONENT runtime)
