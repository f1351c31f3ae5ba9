"""Language models, asked with the official SDKs (Must show 3 of the protocols issue): what they answered, what it costs, and which
calls they asked for."""
import itertools

from lib.llm import Agent, Model

POLICY = """\
version: 1
tools:
  - {name: model.ask, host: "*", method: POST, path: "/v1/**", scopes: [test.use], effect: read}
  - {name: crm.get_contact, host: "*", method: GET, path: "/crm/contacts/{id}", scopes: [test.use], effect: read}
  - {name: crm.add_contact, host: "*", method: POST, path: /crm/contacts, scopes: [test.use], effect: write}
  - {name: test.allowed, host: "*", method: GET, path: "/allowed/**", scopes: [test.use], effect: read}
rules:
  - {id: all, effect: allow, tools: ["*"]}
"""
PRICES = """\
currency: USD
as_of: 2026-01-31
prices:
  - {model: "gpt-4.1*", input: 2000000, output: 8000000, cached_input: 500000}
  - {model: "claude-sonnet-5*", input: 3000000, output: 15000000, cached_input: 300000, cache_write: 3750000}
"""
# In the record: API, model, stop reason, tokens read from a cache and written to one, reasoning tokens, and the cost in micro-USD.
EXPECTED = {
    "chat": ("openai-chat", "gpt-4.1-2025-04-14", "tool_calls", 100, 0, 8, 20 * 2 + 100 // 2 + 34 * 8),
    "responses": ("openai-responses", "gpt-4.1-2025-04-14", "completed", 100, 0, 8, 20 * 2 + 100 // 2 + 34 * 8),
    "messages": ("anthropic-messages", "claude-sonnet-5-20250929", "tool_use", 100, 5, 0, 604),  # 15*3 + 5*3.75 + 100*.3 + 34*15
}
CONTACT = {"name": "Zoë \"Z\" Smith", "tags": ["new", 7], "address": {"city": "Paris", "zip": "75001"}}
TOOLS = [["crm_get_contact", {"id": 7}], ["crm_add_contact", CONTACT]]


def use(env) -> None:
    """A writd of its own: prices are read at its start."""
    env.stop()
    env.daemon, env.settings = env.new_daemon(), {"case": "llm"}
    env.daemon.write({"policies/test.yaml": POLICY, "prices.yaml": PRICES})
    env.daemon.start()


def check_answer(api, stream, decision, outcome) -> list[dict]:
    name, model, stop, cached, written, reasoning, cost = EXPECTED[api]
    asked, got = decision["llm"], outcome["llm"]
    assert (asked["api"], asked.get("stream", False), len(asked["system"])) == (name, stream, 64), asked
    assert model.startswith(asked["model"]) and decision["asked"] == "ASKED_UNSPECIFIED", decision
    assert (got["model"], got["stopReason"], got.get("complete")) == (model, stop, True), got
    counts = [int(got.get(key, 0)) for key in ("inputTokens", "cachedTokens", "cacheWrittenTokens", "outputTokens", "reasoningTokens")]
    assert counts == [120, cached, written, 34, reasoning], got
    assert (int(got["costMicro"]), got["currency"]) == (cost, "USD"), got
    assert [use["name"] for use in got["toolUses"]] == [tool for tool, _ in TOOLS], got
    assert all(use.get("complete") and len(use["arguments"]) == 64 for use in got["toolUses"]), got
    return got["toolUses"]


def check_calls(env, after: int, api: str, stream: bool) -> None:
    """What `play` has done: the model was asked, its two tool uses were made, and two calls more."""
    calls = env.calls(after, 5)
    decisions, outcomes = ([c[part][part] for c in calls] for part in ("decision", "outcome"))
    uses = check_answer(api, stream, decisions[0], outcomes[0])
    for decision, tool_use in zip(decisions[1:3], uses):
        cause = decision["causedBy"]
        assert decision["asked"] == "ASKED_BY_MODEL" and cause["callId"] == decisions[0]["callId"], decision
        assert (cause["toolUseId"], cause["times"], cause["model"]) == (tool_use["id"], 1, outcomes[0]["llm"]["model"]), cause
    assert decisions[3]["asked"] == "ASKED_OTHER_ARGUMENTS" and "causedBy" not in decisions[3], decisions[3]
    assert decisions[4]["asked"] == "ASKED_BY_NOBODY" and "causedBy" not in decisions[4], decisions[4]


def play(env, agent, api: str, stream: bool, coding: str) -> None:
    agent.ask(api, stream, coding, TOOLS)
    agent.call("GET", env.url("https", "/crm/contacts/7"))
    agent.call("POST", env.url("https", "/crm/contacts"), CONTACT)
    agent.call("POST", env.url("https", "/crm/contacts"), CONTACT | {"name": "Eve"})
    agent.call("GET", env.url("https", "/allowed/elsewhere"))


def test_what_models_ask_for(env):
    """Tokens, cost and tool uses of each API, at once and streamed, coded; `caused_by` of the calls that follow; and what people see."""
    use(env)
    with Model(env.certs) as model, Agent(env, model.url) as agent:
        agent.call("GET", env.url("https", "/crm/contacts/7"))
        first = env.calls(0, 1)[0]["decision"]["decision"]
        assert first["asked"] == "ASKED_UNSPECIFIED", first  # no model was asked anything
        for api, stream, coding in itertools.product(EXPECTED, (False, True), ("gzip", "br")):
            before = env.last_sequence()
            play(env, agent, api, stream, coding)
            check_calls(env, before, api, stream)
    check_views(env, [c["decision"]["decision"] for c in env.calls(before, 5)])
    env.stop()


def check_views(env, calls) -> None:
    """`writ calls` and `writ trace` of what was played last."""
    lines = env.writ("calls").stdout
    assert "claude-sonnet-5-20250929: 120+34 tokens, 0.000604 USD" in lines, lines
    asked = calls[0]["callId"]
    assert lines.count(f"asked for by {asked[:12]}") == 2 and lines.count("not asked for by a model") == 2 * 12, lines
    trace = env.writ("trace", asked).stdout
    for line in ("claude-sonnet-5, by anthropic-messages, as a stream", "stopped: tool_use", "in 120, 100 of them from a cache",
                 "0.000604 USD", "crm_get_contact (toolu_0)"):
        assert line in trace, f"{line}: {trace}"
    assert f"in call {asked}, tool use toolu_0" in env.writ("trace", calls[1]["callId"]).stdout
    assert "with other arguments" in env.writ("trace", calls[3]["callId"]).stdout
    assert "no model asked for this tool" in env.writ("trace", calls[4]["callId"]).stdout
