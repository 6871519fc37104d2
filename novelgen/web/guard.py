"""What the server refuses before a request reaches the page, in the language of the request."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from novelgen.i18n import _, use_language
from novelgen.web import limits
from novelgen.web.language import visitor_language

_RETRY_SECONDS = "10"  # for a program that reads the header; a person reads the sentence


class BodyLimit:
    """Answers 413 to a body of more than limits.BODY bytes, and reads no more of it than that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # 1. A length that is declared and too large is refused before anything is read.
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not value.isdigit() or int(value) > limits.BODY for value in lengths):
            detail = {"detail": _too_large(Request(scope))}
            await JSONResponse(detail, 413)(scope, receive, send)
            return
        # 2. A body in chunks declares no length: its bytes are counted as they come.
        #    Raised while the page reads, the exception becomes its answer.
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limits.BODY:
                raise HTTPException(413, _too_large(Request(scope)))
            return message

        await self.app(scope, counted, send)


def _too_large(request: Request) -> str:
    with use_language(visitor_language(request)):
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


# For fastapi.FastAPI.
OPTIONS: dict[str, Any] = {
    "exception_handlers": {503: _queue_full, TypeError: _wrong_arguments},
    "middleware": [Middleware(BodyLimit)],
}
