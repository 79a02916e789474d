# adze_layer(<name> LEVEL <n> DEPS <layers...> [FOLDER <folder>] [WITHOUT <subfolder>])
#
# Builds src/<name>/**.cc (or those of another folder, or without those of a subfolder) as
# adze::<name>. A dependency on the same or a higher level is a configure error, so the folders
# cannot form a cycle.
function(adze_layer name)
  cmake_parse_arguments(arg "" "LEVEL;FOLDER;WITHOUT" "DEPS" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${name})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${arg_FOLDER}/*.cc")
  if(arg_WITHOUT)
    list(FILTER sources EXCLUDE REGEX "/src/${arg_FOLDER}/${arg_WITHOUT}/")
  endif()
  add_library(adze_${name} STATIC ${sources})
  add_library(adze::${name} ALIAS adze_${name})
  set_target_properties(adze_${name} PROPERTIES ADZE_LEVEL ${arg_LEVEL}
                                                ADZE_FOLDER "${PROJECT_SOURCE_DIR}/src/${arg_FOLDER}")
  target_include_directories(adze_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include"
                                          PRIVATE "${PROJECT_SOURCE_DIR}/src")
  foreach(dep IN LISTS arg_DEPS)
    get_target_property(level adze_${dep} ADZE_LEVEL)
    if(NOT level LESS arg_LEVEL)
      message(FATAL_ERROR "${name} (level ${arg_LEVEL}) may not use ${dep} (level ${level})")
    endif()
    target_link_libraries(adze_${name} PUBLIC adze::${dep})
  endforeach()
endfunction()

# adze_registry(<layer> <class> HEADER <its header> [IN <subfolders...>] [EXCEPT <stems...>])
#
# Every file stem x.cc in the layer's folder (or in its subfolders IN; stems in EXCEPT are ordinary
# sources) owes a function `void register_x(<class>&)`; forgetting it is a link error that names it,
# and no other file lists the plug-in. `Builtin<class>()` (adze/registry.h) returns the filled
# registry.
function(adze_registry layer class)
  cmake_parse_arguments(arg "" "HEADER" "IN;EXCEPT" ${ARGN})
  get_target_property(folder adze_${layer} ADZE_FOLDER)
  set(patterns "${folder}/*.cc")
  if(arg_IN)
    list(TRANSFORM arg_IN REPLACE "(.+)" "${folder}/\\1/*.cc" OUTPUT_VARIABLE patterns)
  endif()
  file(GLOB plugins CONFIGURE_DEPENDS ${patterns})
  set(declarations "")
  set(calls "")
  foreach(plugin IN LISTS plugins)
    get_filename_component(stem ${plugin} NAME_WE)
    if(NOT stem IN_LIST arg_EXCEPT)
      string(APPEND declarations "void register_${stem}(${class}&);\n")
      string(APPEND calls "    register_${stem}(r);\n")
    endif()
  endforeach()
  set(generated "${PROJECT_BINARY_DIR}/gen/${layer}/${class}.cc")
  file(CONFIGURE OUTPUT "${generated}" CONTENT
"// Generated from the file names in ${layer}/${arg_IN}.
#include \"${arg_HEADER}\"
#include \"adze/registry.h\"
namespace adze {
${declarations}
template <>
const ${class}& Builtin<${class}>() {
  static const ${class} registry = [] {
    ${class} r;
${calls}    return r;
  }();
  return registry;
}
}  // namespace adze
")
  target_sources(adze_${layer} PRIVATE "${generated}")
endfunction()
