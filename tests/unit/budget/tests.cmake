writ_unit_test(budget/limits LIBS writ_budget)
writ_unit_test(budget/limits_model LIBS writ_budget)
writ_unit_test(budget/rate LIBS writ_budget)
