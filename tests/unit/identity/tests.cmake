writ_unit_test(identity/scope LIBS writ_identity)
writ_unit_test(identity/directory LIBS writ_identity)
writ_unit_test(identity/writ LIBS writ_identity)
