# The HTTP side of the token exchange. Included by daemon/ and by its tests; the first one makes the target.
if(TARGET writ_token_endpoint)
  return()
endif()
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
add_library(writ_token_endpoint STATIC
  ${CMAKE_CURRENT_LIST_DIR}/http_connection.cpp
  ${CMAKE_CURRENT_LIST_DIR}/http_server.cpp
  ${CMAKE_CURRENT_LIST_DIR}/loop_queue.cpp
  ${CMAKE_CURRENT_LIST_DIR}/token_endpoint.cpp
  ${CMAKE_CURRENT_LIST_DIR}/token_listener.cpp)
target_link_libraries(writ_token_endpoint PUBLIC writ_exchange PRIVATE PkgConfig::HTTPLIB Threads::Threads)
