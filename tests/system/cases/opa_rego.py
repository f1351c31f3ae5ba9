"""policies/opa/writ.rego, run by OPA's own engine (Must show 5): it answers as is recorded, and as policies/demo.yaml decides."""
import json
import pathlib
import random
import subprocess

from lib.case import timeout
from lib.oidc import NODE, install

POLICIES = pathlib.Path(__file__).resolve().parents[3] / "policies"
TOOLS = {"crm.contact.read": ("GET", "crm.example.test", "/contacts/7"),
         "crm.note.write": ("POST", "crm.example.test", "/contacts/7/notes"),
         "finance.revenue.read": ("GET", "finance.example.test", "/revenue/q3"),
         "": ("DELETE", "crm.example.test", "/contacts/7")}
# The last ones cover nothing that a tool requires, and look as if they did.
SCOPES = ["*", "crm.*", "crm.contacts.*", "crm.contacts.read", "crm.notes.write", "finance.*", "finance.revenue.read",
          "crm", "crm.contacts", "cr.*", "crm.contact.*", "crm.contacts.reader", "finance.revenue.read.more"]
FINDINGS = ["pii.card", "pii.email", "injection.new_role", "secret.private_key"]


def answers(inputs: list) -> list:
    install()
    done = subprocess.run(["node", NODE / "rego.mjs", POLICIES / "opa/writ.rego", "decision"], input=json.dumps(inputs),
                          capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@timeout(120)
def test_answers_as_recorded(_env):
    vectors = json.loads((POLICIES / "opa/vectors.json").read_text())["vectors"]
    *given, nothing = answers([vector["input"] for vector in vectors] + [{}])
    assert len(given) == len(vectors) >= 25
    for vector, answer in zip(vectors, given):
        assert answer == vector["result"], (vector["input"], answer)
    assert nothing["decision"] == "deny", nothing


def some(chance: random.Random, of: list, at_most: int) -> list:
    return chance.sample(of, chance.randint(0, at_most))


def random_call(chance: random.Random) -> tuple[dict, dict]:
    """One call, as OPA is asked about it, and as a case of `writ policy test`. Either person and agent share less than each
    has, or the writ is narrower than both: Writ and the Rego have to find out by themselves what is left."""
    tool = chance.choice(list(TOOLS))
    method, host, path = TOOLS[tool]
    found = some(chance, FINDINGS, 2)
    user = agent = effective = ["*"]
    case = {}
    if chance.random() < 0.7:
        user, agent = some(chance, SCOPES, 4), some(chance, SCOPES, 4)
    else:
        effective = case["scopes"] = some(chance, SCOPES, 4)
    if found:
        case["findings"] = found
    case |= {"user": {"id": "sarah", "scopes": user}, "agent": {"id": "sales-assistant", "scopes": agent},
             "request": {"method": method, "host": host, "path": path, "address": "127.0.0.1"}}
    return {"user": {"id": "sarah", "scopes": user}, "agent": {"id": "sales-assistant", "scopes": agent}, "tool": {"name": tool},
            "scopes": {"effective": effective},
            "findings": [{"rule": rule, "category": rule.split(".")[0]} for rule in found]}, case


def expectation(answer: dict) -> dict:
    if answer["rule"]:
        return {"verdict": answer["decision"], "rule": answer["rule"]}
    return {"verdict": answer["decision"], "code": "scope_missing" if " lacks " in answer["reason"] else "tool_unknown"}


@timeout(120)
def test_decides_as_the_demo_policy(env):
    """A few hundred random calls, always the same ones."""
    chance = random.Random(5)
    inputs, cases = zip(*(random_call(chance) for _ in range(400)))
    expected = [expectation(answer) for answer in answers(list(inputs))]
    kinds = {json.dumps(one) for one in expected}
    assert len(kinds) == 6, f"not every kind of decision is among them: {kinds}"
    file = env.directory / "cases.yaml"
    file.write_text(json.dumps({"version": 1, "cases": [case | {"name": f"call {place}", "expect": expect}
                                                        for place, (case, expect) in enumerate(zip(cases, expected))]}))
    done = env.writ("policy", "test", "--policy", POLICIES / "demo.yaml", file)
    assert done.returncode == 0 and "400 cases as expected, 0 not" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
