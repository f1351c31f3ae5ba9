# The control socket's server. Included by daemon/ and by cli/ (whose tests talk to it); the first one makes the target.
if(TARGET writ_control)
  return()
endif()
add_library(writ_control STATIC
  ${CMAKE_CURRENT_LIST_DIR}/control_outbox.cpp
  ${CMAKE_CURRENT_LIST_DIR}/control_peer.cpp
  ${CMAKE_CURRENT_LIST_DIR}/control_response.cpp
  ${CMAKE_CURRENT_LIST_DIR}/control_server.cpp
  ${CMAKE_CURRENT_LIST_DIR}/control_socket.cpp)
target_link_libraries(writ_control PUBLIC writ_util writ_proto Threads::Threads)
