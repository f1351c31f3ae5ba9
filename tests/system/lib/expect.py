"""The facts that enforcement tests assert, each with a message that shows what came instead."""
import re

from .content import content, sha256

ABORTED = re.compile(r"abort|reset|broken ?(pipe|resource)|disconnect|econn|socket hang up|closed|epipe|"
                     r"errno:? ?=? ?(?:32|103|104)|unexpected eof|SSL_read|SSL_write|recv failure|send failure|"
                     r"empty reply|EOF occurred", re.I)
AT_ONCE_MS = 3000


def allowed(result: dict, body: int = -1, tail: str = "") -> None:
    """Answered with 200; the server's account of the body is the body that was sent."""
    assert result["status"] == 200, f"expected 200, got {brief(result)}"
    if body >= 0:
        answer = result.get("answer") or {}
        assert answer.get("bytes") == body, f"sent {body} bytes, the server got {answer.get('bytes')}"
        assert answer.get("sha256") == sha256(content(body, tail.encode())), "the body arrived changed"


def downloaded(result: dict, size: int) -> None:
    assert result["status"] == 200, f"expected 200, got {brief(result)}"
    assert result["bytes"] == size, f"expected {size} bytes, got {result['bytes']}"
    assert result["sha256"] == sha256(content(size)), "the download arrived changed"


def denied(result: dict, scheme: str, at_once: float = AT_ONCE_MS) -> None:
    """403 with a JSON reason over cleartext, an aborted connection over TLS; at once."""
    if scheme == "http":
        assert result["status"] == 403, f"expected 403, got {brief(result)}"
        assert isinstance(result.get("answer"), dict), f"expected a JSON reason, got {brief(result)}"
    else:
        assert result["status"] == 0, f"expected an aborted connection, got {brief(result)}"
        why = f"{result.get('why')} {result.get('code')} {result.get('error')}"
        assert ABORTED.search(why), f"expected an aborted connection, got {brief(result)}"
    assert result["ms"] <= at_once, f"the denial took {result['ms']} ms"


def nothing_arrived(arrived) -> None:
    """No byte of any request: no TLS application data, nothing in cleartext."""
    got = [f"{r.method} {r.path} ({r.body_bytes} bytes of body)" for r in arrived.requests]
    assert arrived.application_bytes == 0, f"{arrived.application_bytes} bytes of denied calls arrived: {got}"


def only_arrived(arrived, paths: list[str]) -> None:
    """Exactly these requests, and no byte beside them."""
    got = [r.path for r in arrived.requests]
    assert got == paths, f"expected {paths} at the server, got {got}"
    rest = sum(c.unaccounted_bytes for c in arrived.connections)
    assert rest == 0, f"{rest} bytes arrived that belong to no allowed request"


def verdicts(decisions: list[dict], wanted: list[str]) -> None:
    got = [d.get("verdict", "").removeprefix("VERDICT_").lower() for d in decisions]
    assert got == wanted, f"expected verdicts {wanted}, the audit says {got}: {[d.get('reason') for d in decisions]}"


def brief(value) -> str:
    text = str(value)
    return text if len(text) < 600 else text[:600] + "…"
