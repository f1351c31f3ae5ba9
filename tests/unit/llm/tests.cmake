foreach(name IN ITEMS answer answer_stream arguments prices request)
  writ_unit_test(llm/${name} LIBS writ_llm)
endforeach()
writ_fuzzer(llm LIBS writ_llm)
