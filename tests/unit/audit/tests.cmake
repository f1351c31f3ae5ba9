foreach(name IN ITEMS calls key reader recovery verifier writer)
  writ_unit_test(audit/${name} LIBS writ_audit)
endforeach()
writ_fuzzer(audit_segment LIBS writ_audit)
