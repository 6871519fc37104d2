"""What the server refuses before a request reaches the page, in the language of the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from novelgen.i18n import _, use_language
from novelgen.web import limits
from novelgen.web.access import Accounts, is_known
from novelgen.web.language import visitor_language

_FILES = "/gradio_api/upload"  # Gradio's route for files
_STARTED = "/gradio_api/startup-events"  # by which Gradio begins; it tells nothing
_FORBIDDEN = 1008  # a policy is violated, among the codes of RFC 6455
_CHALLENGE = 'Basic realm="novelgen", charset="UTF-8"'
_FORM = 2**16  # bytes of a form beside the files in it
_RETRY_SECONDS = "10"  # for a program that reads the header; a person reads the sentence


class BasicAuth:
    """Answers 401 to a request without a name and its password, of page and programs alike."""

    def __init__(self, app: ASGIApp, accounts: Accounts) -> None:
        self.app = app
        self._accounts = accounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI defines it."""
        is_open = scope["type"] == "lifespan" or _route(scope) == _STARTED
        if is_open or is_known(self._accounts, Headers(scope=scope).get("authorization")):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _FORBIDDEN})
            return
        await _refusal(scope, 401, {"WWW-Authenticate": _CHALLENGE})(scope, receive, send)


class BodyLimit:
    """Answers 413 to a body of more than limits.BODY bytes, and reads no more of it than that.

    Where `takes_files`, Gradio's route for files takes limits.UPLOAD bytes, from this page alone.
    """

    def __init__(self, app: ASGIApp, takes_files: bool = False) -> None:
        self.app = app
        self._takes_files = takes_files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = limits.BODY
        if self._takes_files and _route(scope) == _FILES:
            limit = limits.UPLOAD + _FORM
            # A page of another site could send a form here from the visitor's own browser.
            if not _is_from_this_page(Headers(scope=scope)):
                await _refusal(scope, 403)(scope, receive, send)
                return
        # 1. A length that is declared and too large is refused before anything is read.
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not value.isdigit() or int(value) > limit for value in lengths):
            await _refusal(scope, 413)(scope, receive, send)
            return
        # 2. A body in chunks declares no length: its bytes are counted as they come.
        #    Raised while the page reads, the exception becomes its answer.
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise HTTPException(413, _reason(scope, 413))
            return message

        await self.app(scope, counted, send)


def _is_from_this_page(headers: Headers) -> bool:
    """Whether a request comes from a page of this server, or from a program that is no browser."""
    origin = headers.get("origin")
    # A reverse proxy may tell in a header which address it was asked at; no page of elsewhere can
    # set one without being asked first.
    hosts = (headers.get("host"), headers.get("x-forwarded-host"))
    return origin is None or urlsplit(origin).netloc in hosts


def _route(scope: Scope) -> str:
    """The path of a request below the path at which the page is served."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _refusal(scope: Scope, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": _reason(scope, status)}, status, headers)


def _reason(scope: Scope, status: int) -> str:
    """Why a request is refused, in its language."""
    with use_language(visitor_language(Request(scope))):
        if status == 401:
            return _("a name and a password are needed")
        if status == 403:
            return _("files are taken from this page only")
        if _route(scope) == _FILES:
            message = _("the files are too large, {limit} MiB at most together")
            return message.format(limit=limits.UPLOAD // 2**20)
        message = _("the request is too large, {limit} MiB at most; shorten the manuscript")
        return message.format(limit=limits.BODY // 2**20)


async def _queue_full(request: Request, error: HTTPException) -> JSONResponse:
    """The answer to a visitor for whom the queue has no room.

    Gradio answers 503, for which its page has an English sentence of its own; of any other status
    the page shows the detail.
    """
    if not str(error.detail).startswith("Queue is full"):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    with use_language(visitor_language(request)):
        detail = _("too many requests are waiting already; please try again in a moment")
    return JSONResponse({"detail": detail}, 429, {"Retry-After": _RETRY_SECONDS})


async def _wrong_arguments(request: Request, error: TypeError) -> JSONResponse:
    """The answer to a program that leaves out a parameter, or names one that does not exist.

    Gradio raises TypeError for these two; any other TypeError is a bug and raised again.
    """
    reason = str(error)
    if not reason.startswith(("Parameter `", "No value provided")):
        raise error
    reason = reason.split(". Please")[0]
    with use_language(visitor_language(request)):
        message = _("wrong parameters ({reason}); all of them are listed at /?view=api")
        detail = message.format(reason=reason)
    return JSONResponse({"detail": detail}, 422)


def options(takes_files: bool = False, accounts: Accounts | None = None) -> dict[str, Any]:
    """For fastapi.FastAPI; `takes_files` says whether visitors may send files.

    Where there are `accounts`, all that is served is for them alone.
    """
    middleware = [Middleware(BodyLimit, takes_files=takes_files)]
    if accounts:
        middleware.insert(0, Middleware(BasicAuth, accounts=accounts))
    return {
        "exception_handlers": {503: _queue_full, TypeError: _wrong_arguments},
        "middleware": middleware,
    }
