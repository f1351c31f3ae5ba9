"""How a case is written.

    from lib.case import config, each

    @each(client=HTTP, scheme=["http", "https"])      # one case for every combination
    def test_upload(env, client, scheme): ...

    @config(on_opaque="allow")                        # a writd of its own, with lib/config.py's Config(on_opaque=...)
    def test_opaque_allowed(env): ...

A case passes when it returns, fails when it raises, and is skipped, visibly, when it calls skip(why).
"""
import dataclasses
import itertools
from typing import Any, Callable


class Skip(Exception):
    pass


class CaseTimeout(BaseException):
    """Not an Exception, so that no case and no library takes it for an error of its own."""


def skip(why: str):
    raise Skip(why)


def each(**values):
    def mark(function):
        function.parameters = values
        return function
    return mark


def config(**settings):
    def mark(function):
        function.config = settings
        return function
    return mark


def timeout(seconds: float):
    def mark(function):
        function.seconds = seconds
        return function
    return mark


@dataclasses.dataclass
class Case:
    module: str
    name: str
    function: Callable
    arguments: dict[str, Any]
    config: dict[str, Any] | None  # None: the module's
    seconds: float

    @property
    def id(self) -> str:
        return f"{self.module}.{self.name}"


def cases_of(module, default_seconds: float) -> list[Case]:
    found = []
    for name, function in vars(module).items():
        if not name.startswith("test_") or not callable(function):
            continue
        parameters = getattr(function, "parameters", {})
        for combination in itertools.product(*parameters.values()):
            suffix = "[" + "-".join(map(str, combination)) + "]" if combination else ""
            found.append(Case(module.__name__, name.removeprefix("test_") + suffix, function,
                              dict(zip(parameters, combination)), getattr(function, "config", None),
                              getattr(function, "seconds", default_seconds)))
    return found
