# node::api: the headers of Node-API, from the npm packages node-api-headers and node-addon-api. cmake-js hands their folders
# over in CMAKE_JS_INC; a plain CMake run asks Node, which finds them wherever npm has put them.
if(NOT CMAKE_JS_INC)
  execute_process(
    COMMAND node -p "[require('node-api-headers').include_dir, require('node-addon-api').include_dir].map((d) => path.resolve(d)).join(';')"
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE CMAKE_JS_INC
    OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE SER_NODE_STATUS)
  if(NOT SER_NODE_STATUS EQUAL 0)
    message(FATAL_ERROR "Node-API headers not found: run `npm ci` first, with node on PATH.")
  endif()
endif()

add_library(node::api INTERFACE IMPORTED)
set_target_properties(node::api PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_JS_INC}")
target_compile_definitions(node::api INTERFACE NAPI_VERSION=8 NODE_ADDON_API_CPP_EXCEPTIONS)
if(CMAKE_JS_LIB)
  target_link_libraries(node::api INTERFACE ${CMAKE_JS_LIB})
endif()
if(APPLE)
  # Node-API's symbols are in the node executable.
  target_link_options(node::api INTERFACE -undefined dynamic_lookup)
endif()
if(MSVC AND CMAKE_JS_NODELIB_DEF AND CMAKE_JS_NODELIB_TARGET)
  execute_process(COMMAND ${CMAKE_AR} /def:${CMAKE_JS_NODELIB_DEF} /out:${CMAKE_JS_NODELIB_TARGET} ${CMAKE_STATIC_LINKER_FLAGS})
endif()
