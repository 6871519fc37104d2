"""At the door of the server: what is refused before it reaches the page, and in which words."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from novelgen.web import limits

_MOST = f"{limits.BODY // 2**20} MiB"
_TOO_LARGE = f"请求太大，至多 {_MOST}；请缩短稿子 | the request is too large, {_MOST} at most; shorten the manuscript"
_FULL = "排队已满，请过一会儿再试 | too many are waiting already; please try again in a moment"


class BodyLimit:
    """Answers 413 to a body of more than limits.BODY bytes, and reads no more of it than that."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        size, too_large = 0, HTTPException(413, _TOO_LARGE)

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limits.BODY:
                raise too_large
            return message

        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not value.isdigit() or int(value) > limits.BODY for value in lengths):
            await JSONResponse({"detail": _TOO_LARGE}, 413)(scope, receive, send)
            return
        await self.app(scope, counted, send)


async def _refused(_: Request, error: HTTPException) -> JSONResponse:
    """What a visitor is told whom the queue has no room for.

    Gradio answers 503, for which its page has an English sentence of its own; of any other status the page shows the detail.
    """
    if not str(error.detail).startswith("Queue is full"):
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
    return JSONResponse({"detail": _FULL}, 429, {"Retry-After": "10"})


async def _wrong_arguments(_: Request, error: TypeError) -> JSONResponse:
    """Gradio raises TypeError for a parameter that the endpoint does not have or does not get; any other is a bug of ours."""
    said = str(error)
    if not said.startswith(("Parameter `", "No value provided")):
        raise error
    said = said.split(". Please")[0]
    return JSONResponse(
        {
            "detail": f"参数不对，全表见 /?view=api | wrong parameters, all of them are listed at /?view=api: {said}"
        },
        422,
    )


# For fastapi.FastAPI.
OPTIONS: dict[str, Any] = {
    "exception_handlers": {503: _refused, TypeError: _wrong_arguments},
    "middleware": [Middleware(BodyLimit)],
}
