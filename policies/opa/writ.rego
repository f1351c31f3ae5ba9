# Protects: the same CRM and finance service as policies/demo.yaml, with the same meaning, for those who keep their
# policies in OPA. A call passes where the person behind it and the agent both hold what its tool requires; card numbers
# and other personal data in a request, and text that reads like instructions to a model, are marked; secrets do not
# leave; a call that no tool names is denied.
#
# Try it:  opa run --server --addr unix:///run/opa.sock policies/opa/writ.rego
#          # in writ.yaml
#          decision: {opa: {url: "unix:/run/opa.sock", path: data/writ/decision}}
#          opa test policies/opa        # decides every call of vectors.json
#
# What `input` holds is said in userspace/pdp/document.h. Rego v1: for OPA 1.0 and later, and, by the import, from 0.59 on.
# The results in vectors.json are what OPA's own engine answers (tests/system/cases/opa_rego.py runs it: 0.47, which an npm
# package has built in), and what policies/demo.yaml decides (tests/unit/pdp/vectors_test.cpp).
package writ

import rego.v1

# As in the catalog of policies/demo.yaml.
required := {
	"crm.contact.read": ["crm.contacts.read"],
	"crm.note.write": ["crm.notes.write"],
	"finance.revenue.read": ["finance.revenue.read"],
}

# The one rule that Writ asks for: {"decision", "reason", "rule"}. Whatever has no value below is deny.
default decision := {"decision": "deny", "reason": "the policy has no answer for this call", "rule": ""}

# The first that applies decides, so that there is never more than one answer.
decision := {"decision": "deny", "reason": "nobody is known to be behind this call", "rule": ""} if {
	not known(input.user.id)
} else := {"decision": "deny", "reason": "no tool of the catalog names this call", "rule": ""} if {
	not required[input.tool.name]
} else := {"decision": "deny", "reason": sprintf("%s lacks %s", [input.user.id, concat(", ", lacking)]), "rule": ""} if {
	count(lacking) > 0
} else := {"decision": "deny", "reason": sprintf("%s would send a secret", [input.tool.name]), "rule": "deny-secrets"} if {
	carries("secret")
} else := {
	"decision": "flag",
	"reason": sprintf("%s carries text that reads like instructions to a model", [input.tool.name]),
	"rule": "flag-injection",
} if {
	carries("injection")
} else := {"decision": "flag", "reason": sprintf("%s carries personal data", [input.tool.name]), "rule": "flag-pii"} if {
	carries("pii")
} else := {
	"decision": "allow",
	"reason": sprintf("%s holds every scope that %s requires, and so does %s", [
		input.user.id,
		input.tool.name,
		input.agent.id,
	]),
	"rule": "scoped-tools",
}

known(id) if id != ""

# Scopes that the tool requires and that the person, or the agent, does not hold.
lacking contains scope if {
	some scope in required[input.tool.name]
	not both_hold(scope)
}

both_hold(scope) if {
	some of_user in input.user.scopes
	covers(of_user, scope)
	some of_agent in input.agent.scopes
	covers(of_agent, scope)

	# What the writ itself was narrowed to, over all agents of the chain.
	some of_writ in input.scopes.effective
	covers(of_writ, scope)
}

# "crm.*" covers what is below crm, and not crm itself; "*" covers everything.
covers(granted, needed) if granted == needed

covers("*", _) := true

covers(granted, needed) if {
	endswith(granted, ".*")
	startswith(needed, trim_suffix(granted, "*"))
}

carries(category) if {
	some finding in input.findings
	finding.category == category
}
