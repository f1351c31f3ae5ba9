writ_unit_test(cli/time_text LIBS writ_cli_lib)
writ_unit_test(cli/output LIBS writ_cli_lib)
writ_unit_test(cli/trace_view LIBS writ_cli_lib)
writ_unit_test(cli/status_view LIBS writ_cli_lib)
writ_unit_test(cli/suggestion_view LIBS writ_cli_lib)
writ_unit_test(cli/terms LIBS writ_cli_lib)
writ_unit_test(cli/writ_view LIBS writ_cli_lib)
writ_unit_test(cli/program LIBS writ_cli_lib writ_control)

# These start the real binary, against a writd that the test plays.
foreach(name IN ITEMS run commands)
  writ_unit_test(cli/${name} LIBS writ_cli_lib writ_control)
  if(TARGET cli_${name}_test)
    target_link_libraries(cli_${name}_test PRIVATE util)  # forkpty
    add_dependencies(cli_${name}_test writ)
    target_compile_definitions(cli_${name}_test PRIVATE WRIT_BINARY="$<TARGET_FILE:writ>")
  endif()
endforeach()
