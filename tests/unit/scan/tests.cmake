writ_unit_test(scan/escapes LIBS writ_scan)
writ_unit_test(scan/precision LIBS writ_scan)
writ_unit_test(scan/ruleset LIBS writ_scan)
writ_unit_test(scan/split LIBS writ_scan)
writ_unit_test(scan/scanner LIBS writ_scan)

# Megabytes a second of one core: build/scan_throughput [rule file...]
if(NOT WRIT_FUZZ)
  add_executable(scan_throughput ${CMAKE_SOURCE_DIR}/tests/unit/scan/throughput.cpp)
  target_link_libraries(scan_throughput PRIVATE writ_scan)
  target_compile_definitions(scan_throughput PRIVATE WRIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endif()

writ_fuzzer(scan LIBS writ_scan)
if(TARGET scan_fuzz)
  target_compile_definitions(scan_fuzz PRIVATE WRIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endif()
