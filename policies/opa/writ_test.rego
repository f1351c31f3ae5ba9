# Decides every call of vectors.json with writ.rego:  opa test policies/opa
package writ_test

import data.writ
import rego.v1

test_every_vector if {
	count(data.vectors) > 0
	every vector in data.vectors {
		answer := writ.decision with input as vector.input
		answer == vector.result
	}
}

test_nothing_known_is_denied if {
	answer := writ.decision with input as {}
	answer.decision == "deny"
}
