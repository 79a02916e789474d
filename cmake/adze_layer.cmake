# adze_layer(<name> LEVEL <n> DEPS <layers...>
#            [REGISTRY <class> HEADER <its header> [IN <subfolder>] [EXCEPT <stems...>]])
#
# Builds src/<name>/**.cc as adze::<name>. A dependency on the same or a higher level is a
# configure error, so the folders cannot form a cycle. With REGISTRY, every file stem x.cc in the
# folder (or in its subfolder IN; stems in EXCEPT are ordinary sources) owes a function
# `void register_x(<class>&)`; forgetting it is a link error that names it, and no other file lists
# the plug-in. `Builtin<class>()` (adze/registry.h) returns the filled registry.
function(adze_layer name)
  cmake_parse_arguments(arg "" "LEVEL;REGISTRY;HEADER;IN" "DEPS;EXCEPT" ${ARGN})
  set(folder "${PROJECT_SOURCE_DIR}/src/${name}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cc")
  if(arg_REGISTRY)
    set(plugin_folder "${folder}")
    if(arg_IN)
      set(plugin_folder "${folder}/${arg_IN}")
    endif()
    file(GLOB plugins CONFIGURE_DEPENDS "${plugin_folder}/*.cc")
    set(declarations "")
    set(calls "")
    foreach(plugin IN LISTS plugins)
      get_filename_component(stem ${plugin} NAME_WE)
      if(NOT stem IN_LIST arg_EXCEPT)
        string(APPEND declarations "void register_${stem}(${arg_REGISTRY}&);\n")
        string(APPEND calls "    register_${stem}(r);\n")
      endif()
    endforeach()
    set(generated "${PROJECT_BINARY_DIR}/gen/${name}/register_all.cc")
    file(CONFIGURE OUTPUT "${generated}" CONTENT
"// Generated from the file names in ${name}.
#include \"${arg_HEADER}\"
#include \"adze/registry.h\"
namespace adze {
${declarations}
template <>
const ${arg_REGISTRY}& Builtin<${arg_REGISTRY}>() {
  static const ${arg_REGISTRY} registry = [] {
    ${arg_REGISTRY} r;
${calls}    return r;
  }();
  return registry;
}
}  // namespace adze
")
    list(APPEND sources "${generated}")
  endif()
  add_library(adze_${name} STATIC ${sources})
  add_library(adze::${name} ALIAS adze_${name})
  set_target_properties(adze_${name} PROPERTIES ADZE_LEVEL ${arg_LEVEL})
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
