"""The calls that the functions make to S3 and DynamoDB: on record, and open to what a test wants to happen around one.

botocore tells of each call before it is sent and when it is answered (boto3 guide, "Extensibility").
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

Hook = Callable[[], object]


class Killed(BaseException):
    """The function's process is gone: no handler of its own runs any more, so it is no `Exception`."""


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call that was answered.

    Attributes:
        status: of the HTTP answer.
    """

    function: str
    operation: str
    parameters: Mapping[str, Any]
    status: int

    @property
    def accepted(self) -> bool:
        """False where AWS refused it, as for a condition that does not hold."""
        return self.status < 300

    def needs(self) -> set[tuple[str, str]]:
        """The permissions that the call needs, as action and bucket or table (S3 API reference, "Permissions")."""
        if self.operation == "UpdateItem":
            return {("dynamodb:UpdateItem", self.parameters["TableName"])}
        bucket = self.parameters["Bucket"]
        reads = self.operation in {"HeadObject", "GetObject"}
        needed = {(f"s3:{'GetObject' if reads else self.operation}", bucket)}
        if "IfMatch" in self.parameters:
            needed.add(("s3:GetObject", bucket))
        if reads and self.status == 404:
            needed.add(("s3:ListBucket", bucket))
        return needed


class AwsCalls:
    """What the functions asked of AWS.

    Attributes:
        answered: every call that AWS answered, in order.
        broken_hooks: what the hooks have raised; so should the test.
    """

    def __init__(self) -> None:
        self._function: ContextVar[str] = ContextVar("function")
        self.begin_anew()

    def begin_anew(self) -> None:
        """For the next test: the clients, and with them this, live longer."""
        self.answered: list[AwsCall] = []
        self.broken_hooks: list[Exception] = []
        self._before: defaultdict[tuple[str, str], list[Hook]] = defaultdict(list)
        self._after: defaultdict[tuple[str, str], list[Hook]] = defaultdict(list)
        self._refusals: defaultdict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)

    # --- what a test asks for ------------------------------------------------------------------------------

    def before(self, function: str, operation: str, hook: Hook) -> None:
        """Let the world change right before the function's next call of that operation is sent."""
        self._before[function, operation].append(hook)

    def after(self, function: str, operation: str, hook: Hook) -> None:
        """Let the world change when it is answered, and the function does not know the answer yet."""
        self._after[function, operation].append(hook)

    def kill_after(self, function: str, operation: str) -> None:
        """Kill the function when it is answered."""

        def kill() -> None:
            raise Killed

        self.after(function, operation, kill)

    def refuse(self, function: str, operation: str, *, code: str = "SlowDown", status: int = 503) -> None:
        """Let AWS answer the function's next call of that operation with an error; boto3 has tried again by then."""
        self._refusals[function, operation].append((code, status))

    def counts(self, *functions: str) -> dict[str, int]:
        """How often each operation was called, by these functions or by all."""
        return dict(Counter(call.operation for call in self.answered if not functions or call.function in functions))

    def forget(self) -> None:
        """Count from here."""
        self.answered.clear()

    # --- who calls -----------------------------------------------------------------------------------------

    @contextmanager
    def made_by(self, function: str) -> Iterator[None]:
        """Calls of this thread are this function's."""
        token = self._function.set(function)
        try:
            yield
        finally:
            self._function.reset(token)

    # --- what botocore tells -------------------------------------------------------------------------------

    def watch(self, client: Any) -> None:
        """Hear of every call that is made through the client."""
        events = client.meta.events
        events.register("before-parameter-build", self._on_parameters)
        events.register("before-call", self._on_call)
        events.register("after-call", self._on_answer)

    def _on_parameters(self, params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        context["parameters"] = dict(params)

    def _on_call(self, model: Any, **_: object) -> None:
        call = self._function.get(), model.name
        self._run(self._before[call])
        if self._refusals[call]:
            code, status = self._refusals[call].pop(0)
            refusal = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(cast("Any", refusal), model.name)

    def _on_answer(self, model: Any, http_response: Any, context: Mapping[str, Any], **_: object) -> None:
        call = AwsCall(self._function.get(), model.name, context["parameters"], http_response.status_code)
        self.answered.append(call)
        self._run(self._after[call.function, call.operation])

    def _run(self, hooks: list[Hook]) -> None:
        if not hooks:
            return
        hook = hooks.pop(0)
        try:
            hook()
        except Exception as error:
            self.broken_hooks.append(error)
            raise
