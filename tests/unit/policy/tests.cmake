foreach(name IN ITEMS
  address allocation arguments argument_operators argument_path cases catalog compiled conditions decide differential explanation glob
  instant language lint mcp_tools path_pattern policy_set programs reader seen_paths session settings shipped suggestion time_window verdicts)
  writ_unit_test(policy/${name} LIBS writ_policy)
endforeach()
writ_unit_test(policy/schema LIBS writ_policy protobuf::libprotobuf)
writ_fuzzer(policy LIBS writ_policy)
writ_fuzzer(policy_arguments LIBS writ_policy)
