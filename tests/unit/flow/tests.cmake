writ_unit_test(flow/flow_table LIBS writ_flow)
