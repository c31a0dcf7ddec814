"""What the page's server answers: to this machine's browsers only, and only where it has been asked by its own page."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockstep.history import page
from lockstep.history.pictures import Side, fetch
from lockstep.history.service import History
from lockstep.problems import Problem, ProblemError, problem_of, status_of

HOST: Final = "127.0.0.1"
_ROWS: Final = 1000  # in one message
_LOOK_SECONDS: Final = 0.1
_ANSWERED: Final = (ProblemError, ClientError, BotoCoreError, HTTPException, Exception)
# A page of another site can send requests to us, but not with this header: browsers ask us first, and we do not answer.
_HEADER: Final = "x-lockstep"
# A picture is somebody's upload: whatever it is, it cannot act on this page.
_SANDBOX: Final = "default-src 'none'; sandbox"


def app(history: History, ending: threading.Event) -> ASGIApp:
    """The page and what it asks for; streams end when `ending` is set.

    Raises: UserError when the page's libraries are not installed.
    """
    answers = _Answers(history, ending)
    starlette = Starlette(
        routes=[
            *(Route(path, answers.page) for path in ("/", "/execution/{name}", "/object/{bucket}/{key:key}")),
            Route("/api/stack", answers.about),
            Route("/api/changes", answers.changes),
            Route("/api/executions/{name}", answers.execution),
            Route("/api/executions/{name}/again", answers.again, methods=["POST"]),
            Route("/api/object", answers.object),
            Route("/api/picture", answers.picture),
            Route("/static/{path:path}", answers.file),
            Route("/api/{path:path}", answers.nothing),
            Route("/{path:path}", answers.no_page),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        exception_handlers=dict.fromkeys(_ANSWERED, answers.problem),
    )
    return _Headers(starlette)


class _Answers:
    """An answer a kind of request; those that read from AWS run in a thread each."""

    def __init__(self, history: History, ending: threading.Event) -> None:
        self._history = history
        self._ending = ending
        self._shell, self._policy = page.shell()
        self._files = page.files()
        self._server = secrets.token_hex(4)  # a page may outlive us, and meet the next one at the same address

    async def page(self, _: Request) -> Response:
        return HTMLResponse(self._shell, headers={"Content-Security-Policy": self._policy})

    async def no_page(self, _: Request) -> Response:
        return HTMLResponse(self._shell, 404, headers={"Content-Security-Policy": self._policy})

    async def nothing(self, _: Request) -> Response:
        raise HTTPException(404)

    async def file(self, request: Request) -> Response:
        path = request.url.path
        if path not in self._files:
            raise HTTPException(404)
        return Response(self._files[path], media_type="text/css" if path.endswith(".css") else "text/javascript")

    def about(self, _: Request) -> Response:
        return _Json(self._history.about())

    def execution(self, request: Request) -> Response:
        return _Json(self._history.execution(request.path_params["name"]))

    def object(self, request: Request) -> Response:
        return _Json(self._history.object(_asked(request, "bucket"), _asked(request, "key")))

    def picture(self, request: Request) -> Response:
        if (side := _asked(request, "side")) not in set(Side):
            raise ProblemError(Problem("There is no such side", f"There are {' and '.join(Side)}."), 400)
        body, type_ = fetch(self._history.stack, Side(side), _asked(request, "key"))
        return Response(body, media_type=type_, headers={"Content-Security-Policy": _SANDBOX})

    def again(self, request: Request) -> Response:
        if _HEADER not in request.headers:
            raise ProblemError(Problem("This is for the page itself", f"Send the header {_HEADER}."), 403)
        return _Json({"name": self._history.start_again(request.path_params["name"])}, 201)

    def changes(self, request: Request) -> Response:
        last = request.headers.get("last-event-id") or request.query_params.get("after", "")
        server, _, revision = last.partition(".")
        known = int(revision) if server == self._server and revision.isdecimal() else 0
        return EventSourceResponse(self._changes(known), ping=15)

    async def _changes(self, revision: int) -> AsyncIterator[ServerSentEvent]:
        """All rows, then those that change, each message with the revision up to which it tells all."""
        index, told = self._history.index, None
        while not self._ending.is_set():
            now = index.revision
            rows = index.since(revision) if now != revision else []
            revision = now
            for start in range(0, len(rows), _ROWS):
                is_last = start + _ROWS >= len(rows)
                chunk = {"rows": [each.as_json() for each in rows[start : start + _ROWS]]}
                yield _event("executions", chunk, f"{self._server}.{revision}" if is_last else None)
            if (progress := index.progress) != told:
                told = progress
                yield _event("reading", {**asdict(progress), "server": self._server})
            await asyncio.sleep(_LOOK_SECONDS)

    def problem(self, _: Request, error: Exception) -> Response:
        match error:
            case ProblemError():
                return _Json(asdict(error.problem), error.status)
            case ClientError() | BotoCoreError():
                return _Json(asdict(problem_of(error, self._history.stack)), status_of(error))
            case HTTPException():
                return _Json(asdict(Problem("There is nothing at this address", error.detail)), error.status_code)
            case _:
                return _Json(asdict(Problem("Lockstep itself has a fault", f"{type(error).__name__}: {error}")), 500)


def _asked(request: Request, name: str) -> str:
    """A part of the query. Raises: ProblemError when it is missing."""
    if name not in request.query_params:
        raise ProblemError(Problem("This cannot be answered", f"The address has no `{name}`."), 400)
    return request.query_params[name]


class _Key(Convertor[str]):
    """An object's key: any text, also with line breaks in it."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("key", _Key())


class _Json(JSONResponse):
    """Whatever was in an input: also halves of letters that UTF-8 does not have."""

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # whatever json takes
        return json.dumps(content, separators=(",", ":")).encode()


class _Headers:
    """What every answer says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-cache")
                headers.setdefault("Content-Security-Policy", "default-src 'none'")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _event(name: str, data: dict[str, Any], id_: str | None = None) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, separators=(",", ":")), event=name, id=id_)
