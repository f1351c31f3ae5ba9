"""The configuration that the cases run under: one catalog, five people, five agents. A case or a module changes it by name:

    Config(on_opaque="allow", writ={"ring_bytes": "64KiB"}, agents={"three": {"max_tool_calls": 3}},
           users={"ten": {"calls_per_minute": 10}})
"""
import dataclasses
import json
import pathlib

RULES = pathlib.Path(__file__).resolve().parents[3] / "policies" / "rules"

# name → (method, path, scopes, effect)
TOOLS = {
    "test.allowed": ("*", "/allowed/**", ["test.use"], "write"),
    "test.denied": ("*", "/denied/**", ["test.forbidden"], "write"),  # a scope that nobody has
    "test.scanned": ("*", "/scanned/**", ["test.use"], "write"),
    "grpc.lookup": ("POST", "/crm.v1.Contacts/Lookup", ["test.use"], "read"),
    "crm.get_contact": ("GET", "/crm/contacts/{id}", ["crm.contacts.read"], "read"),
    "crm.add_contact": ("POST", "/crm/contacts", ["crm.contacts.write"], "write"),
    "finance.get_revenue": ("GET", "/finance/revenue", ["finance.revenue.read"], "read"),
}

POLICY_RULES = """\
rules:
  - id: everyone
    effect: allow
    tools: ["*"]
  - id: no-secrets
    effect: deny
    tools: [test.scanned]
    findings: [secret]
    reason: "{tool} must not be sent {findings}"
"""

USERS = {  # id → (scopes, unix accounts)
    "sarah": (["test.use", "crm.*"], []),
    "cfo": (["test.use", "crm.*", "finance.*"], []),
    "admin": (["test.use"], [0]),
    "nora": (["test.use"], [65534]),
}
AGENTS = {
    "tester": ["test.use", "crm.contacts.read", "crm.contacts.write", "finance.*"],
    "other": ["test.use"],
}


@dataclasses.dataclass
class Config:
    on_opaque: str = ""  # empty: not said, so the default
    writ: dict = dataclasses.field(default_factory=dict)  # keys of writ.yaml
    users: dict = dataclasses.field(default_factory=dict)  # further users: id → limits
    agents: dict = dataclasses.field(default_factory=dict)  # further agents: id → limits
    people: tuple = ()  # further users, each as users.yaml has it
    more_agents: tuple = ()  # further agents, each as agents.yaml has it
    commands: dict = dataclasses.field(default_factory=dict)  # tool → programs; none: commands are not governed
    more_rules: tuple = ()  # further rules, each as the policy has it

    def files(self) -> dict[str, str]:
        """Path below etc/writ → text."""
        files = {
            "policies/test.yaml": self.policy(),
            "users.yaml": self.users_yaml(),
            "agents.yaml": self.agents_yaml(),
        }
        if self.writ:
            files["writ.yaml"] = "".join(f"{key}: {json.dumps(value)}\n" for key, value in self.writ.items())
        files |= {f"rules/{path.name}": path.read_text() for path in sorted(RULES.glob("*.yaml"))}
        return files

    def policy(self) -> str:
        text = "version: 1\n" + (f"on_opaque: {self.on_opaque}\n" if self.on_opaque else "") + "tools:\n"
        for name, (method, path, scopes, effect) in TOOLS.items():
            text += (f"  - {{name: {name}, host: \"*\", method: \"{method}\", path: \"{path}\", "
                     f"scopes: {json.dumps(scopes)}, effect: {effect}}}\n")
        for name, programs in self.commands.items():
            text += f"  - {{name: {name}, program: {json.dumps(programs)}, scopes: [], effect: write}}\n"
        return text + POLICY_RULES + "".join(f"  - {json.dumps(rule)}\n" for rule in self.more_rules)

    def users_yaml(self) -> str:
        people = {user: (scopes, unix, {}) for user, (scopes, unix) in USERS.items()}
        people |= {user: (["test.use"], [], limits) for user, limits in self.users.items()}
        text = "users:\n"
        for user, (scopes, unix, limits) in people.items():
            text += f"  - id: {user}\n    email: {user}@example.test\n    scopes: {json.dumps(scopes)}\n"
            text += f"    unix: {json.dumps([str(u) for u in unix])}\n" if unix else ""
            text += f"    limits: {json.dumps(limits)}\n" if limits else ""
        return text + "".join(f"  - {json.dumps(one)}\n" for one in self.people)

    def agents_yaml(self) -> str:
        all_agents = {agent: (scopes, {}) for agent, scopes in AGENTS.items()}
        all_agents |= {agent: (["test.use"], limits) for agent, limits in self.agents.items()}
        text = "agents:\n"
        for agent, (scopes, limits) in all_agents.items():
            text += f"  - id: {agent}\n    scopes: {json.dumps(scopes)}\n"
            text += f"    limits: {json.dumps(limits)}\n" if limits else ""
        return text + "".join(f"  - {json.dumps(one)}\n" for one in self.more_agents)
