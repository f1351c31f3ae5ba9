foreach(name IN ITEMS answer client client_order config document text)
  writ_unit_test(pdp/${name} LIBS writ_pdp simdjson::simdjson Threads::Threads)
endforeach()
writ_unit_test(pdp/vectors LIBS writ_pdp writ_policy simdjson::simdjson Threads::Threads)

writ_fuzzer(pdp_answer LIBS writ_pdp writ_proto)
writ_fuzzer(pdp_document LIBS writ_pdp simdjson::simdjson)
