"""What goes wrong between the functions and AWS: microburst's rules, and how often each has fired.

microburst takes the first rule that matches and is drawn, so the probability of a rule allows for those before it.
Which kinds an operation has follows from what microburst can do to it: it cannot break off an answer that has no body,
and never forwards an upload whose caller has gone.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import boto3

from tests.e2e.conftest import wait_until

HOST: Final = "127.0.0.1"
_COMMAND: Final = str(Path(sys.executable).parent / "microburst")

# The functions wait 5 s for an answer.
TOO_LONG_SECONDS: Final = 6
_TOO_LONG_MS: Final = 1000 * TOO_LONG_SECONDS
# More than any answer has: the caller waits for the rest until it gives up.
_NEVER_COMPLETE: Final = {"set_headers": {"Content-Length": "1000000"}}
_KINDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "throttled": ("instead of it", {"error": {"code": "ThrottlingException"}}),
    "slow down": ("instead of it", {"error": {"code": "SlowDown", "status": 503}}),
    "server error": ("instead of it", {"error": {"code": "InternalError", "status": 500}}),
    "reset": ("instead of it", {"reset": True}),
    "no answer": ("instead of it", {"timeout_ms": _TOO_LONG_MS}),
    "slow": ("before it", {"latency": {"min": 200, "max": 1500}}),
    "too slow": ("before it", {"latency": _TOO_LONG_MS}),
    "answer broken off": ("after it", {"response": {"abort_frac": 0.5}}),
    "answer truncated": ("after it", {"response": {"truncate_frac": 0.5}}),
    "answer never complete": ("after it", {"response": _NEVER_COMPLETE}),
}
_SHARES: Final[dict[tuple[str, str], dict[str, int]]] = {
    ("dynamodb", "UpdateItem"): {
        "throttled": 3,
        "server error": 3,
        "reset": 3,
        "slow": 3,
        "answer broken off": 4,
        "answer truncated": 2,
        "answer never complete": 1,
        "no answer": 1,
        "too slow": 2,
    },
    ("s3", "HeadObject"): {"slow down": 3, "server error": 3, "reset": 3, "slow": 3, "no answer": 1},
    ("s3", "GetObject"): {
        "slow down": 3,
        "server error": 3,
        "reset": 3,
        "slow": 3,
        "answer broken off": 4,
        "answer truncated": 4,
        "no answer": 1,
    },
    ("s3", "PutObject"): {"slow down": 4, "server error": 2, "reset": 2, "slow": 4, "answer never complete": 3},
    ("s3", "DeleteObject"): {"slow down": 4, "server error": 2, "reset": 2, "slow": 4, "too slow": 3},
}


@dataclass(frozen=True, order=True)
class Fault:
    """One kind of fault of one operation.

    Attributes:
        when: seen from the operation's effect.
        share: how frequent it is among the faults of the operation.
    """

    service: str
    operation: str
    kind: str
    when: str = field(compare=False)
    spec: dict[str, Any] = field(compare=False, repr=False, hash=False)
    share: float = field(compare=False)

    def rule(self, probability: float) -> dict[str, Any]:
        """As microburst wants it."""
        return {"service": self.service, "operation": self.operation, "probability": probability, **self.spec}


FAULTS: Final = tuple(
    Fault(service, operation, kind, *_KINDS[kind], share / sum(shares.values()))
    for (service, operation), shares in _SHARES.items()
    for kind, share in shares.items()
)


def rules(rate: float) -> list[dict[str, Any]]:
    """Rules by which this part of all calls meets a fault; one for each of `FAULTS`, in their order."""
    found = []
    passed: dict[tuple[str, str], float] = {}  # the part of the calls that come as far as the next rule
    for each in FAULTS:
        operation = (each.service, each.operation)
        left = passed.get(operation, 1.0)
        found.append(each.rule(rate * each.share / left))
        passed[operation] = left - rate * each.share
    return found


@dataclass
class Microburst:
    """The proxy, as it runs on a loopback port. Without rules it lets everything pass."""

    port: int
    _faults: dict[int, Fault] = field(default_factory=dict)

    def inject(self, faults: Sequence[Fault], found: Sequence[dict[str, Any]]) -> None:
        """From now on these rules hold, one for each of the faults, and no others."""
        made = self._ask("POST", "rules", list(found))
        self._faults |= {each["id"]: fault for each, fault in zip(made, faults, strict=True)}

    def calm(self) -> None:
        """Let everything pass again."""
        self._ask("DELETE", "rules", [])

    def fired(self) -> dict[Fault, int]:
        """How often each fault has been injected."""
        by_rule = {each["id"]: each["fired"] for each in self._ask("GET", "stats")["by_rule"]}
        return {fault: by_rule.get(rule, 0) for rule, fault in self._faults.items()}

    def requests(self) -> dict[str, int]:
        """How many calls have come, by service."""
        return {each["service"]: each["requests"] for each in self._ask("GET", "stats")["by_service"]}

    def answers(self) -> bool:
        with suppress(OSError):
            return bool(self._ask("GET", "health"))
        return False

    def _ask(self, method: str, what: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url, headers = f"http://{HOST}:{self.port}/_microburst/{what}", {"Content-Type": "application/json"}
        request = Request(url, data, headers, method=method)
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def microburst_before(upstream: str, log: Path) -> Iterator[Microburst]:
    """Run it between its port and the upstream address."""
    log.parent.mkdir(parents=True, exist_ok=True)
    microburst = Microburst(_free_port())
    command = [_COMMAND, "--host", HOST, "--port", str(microburst.port), "--upstream", upstream, "--no-resign"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            wait_until(microburst.answers, "microburst answers", seconds=30)
            assert process.poll() is None, f"microburst has ended; its log is {log}"
            # The first call costs seconds: it reads what AWS's interfaces look like.
            boto3.client("dynamodb", endpoint_url=f"http://{HOST}:{microburst.port}").list_tables()
            yield microburst
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
