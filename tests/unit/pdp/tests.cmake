find_package(simdjson REQUIRED)
foreach(name IN ITEMS answer client client_order config document text)
  writ_unit_test(pdp/${name} LIBS writ_pdp simdjson::simdjson Threads::Threads)
endforeach()
writ_unit_test(pdp/vectors LIBS writ_pdp writ_policy simdjson::simdjson Threads::Threads)

# Microseconds of a round trip: build/tests/pdp_round_trip
if(NOT WRIT_FUZZ)
  add_executable(pdp_round_trip ${CMAKE_CURRENT_LIST_DIR}/round_trip.cpp)
  target_link_libraries(pdp_round_trip PRIVATE writ_pdp GTest::gtest Threads::Threads)
  target_include_directories(pdp_round_trip PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit)
endif()

writ_fuzzer(pdp_answer LIBS writ_pdp writ_proto)
writ_fuzzer(pdp_document LIBS writ_pdp simdjson::simdjson)
