# Token exchange and the keys of this host: apart, so that only writd carries it.
if(TARGET writ_exchange)
  return()
endif()
add_library(writ_exchange STATIC
  ${CMAKE_CURRENT_LIST_DIR}/compact_text.cpp
  ${CMAKE_CURRENT_LIST_DIR}/exchange_config.cpp
  ${CMAKE_CURRENT_LIST_DIR}/exchange_form.cpp
  ${CMAKE_CURRENT_LIST_DIR}/exchange_request.cpp
  ${CMAKE_CURRENT_LIST_DIR}/signing_key.cpp
  ${CMAKE_CURRENT_LIST_DIR}/signing_keys.cpp
  ${CMAKE_CURRENT_LIST_DIR}/token_exchange.cpp)
target_link_libraries(writ_exchange PUBLIC writ_identity OpenSSL::Crypto)
