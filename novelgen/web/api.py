"""/generate: what the page's buttons do, for programs — over HTTP, by gradio_client, and as an MCP tool."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import gradio as gr

from novelgen.config import DecodingConfig, decoding_defaults
from novelgen.decoding.generator import Generation
from novelgen.errors import ConfigError, NovelgenError
from novelgen.web import generation_service, limits
from novelgen.web.model_registry import ModelRegistry

# The most that one request may ask for; DecodingConfig's own bounds hold as well.
LARGEST = {
    "max_length": limits.LENGTH,
    "min_length": limits.LENGTH,
    "paragraphs": limits.PARAGRAPHS,
    "num_samples": limits.CANDIDATES,
    "beam_size": limits.BEAM,
    "seed": limits.SEED,
}
_FIELDS = {spec.name: spec for spec in dataclasses.fields(DecodingConfig)}
_TYPES = typing.get_type_hints(DecodingConfig)
# Their defaults depend on what the model was trained on, so that null must stand for them.
_BY_RUN = decoding_defaults(from_pairs=True)
_KINDS = {int: "整数 a whole number", float: "数 a number", str: "文字 a text"}

_DESCRIPTION = """Writes the next paragraphs of a Chinese novel. 续写中文小说。
A stream of answers whose texts grow; the last one is whole. Every setting has a default that writes well; null is that default.

Parameters:
    prompt: 小说的上文，太长则只用最后 {prompt:,} 字 | the novel so far; of a longer text the last {prompt:,} characters are used
    model: 训练目录名，不给则用最新的 | name of the run directory; without one the newest
{fields}
Returns:
    text and seed of the first candidate, candidates (each with text, seed, score and the natural log-probability of a token on average),
    model, device, seconds, notes (how the request was understood), finished (nothing follows any more).
"""


def add(shelf: ModelRegistry, blocks: gr.Blocks) -> None:
    """Adds the endpoint to the page that is being built."""

    def forget(session: str) -> None:
        # A program that calls over plain HTTP is a new session each time, and Gradio keeps a copy of the whole page's
        # configuration for each, some 200 KB.
        blocks.state_holder.session_data.pop(session, None)
        blocks.state_holder.time_last_used.pop(session, None)

    gr.api(endpoint(shelf, forget), api_name="generate", **limits.TURN)


def endpoint(
    shelf: ModelRegistry, forget: Callable[[str], None]
) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function that answers programs; its parameters and their descriptions are the fields of DecodingConfig.

    It tells `forget` the session's name when a call has ended, however it ended.
    """

    def generate(*values: Any) -> Iterator[dict[str, Any]]:
        *asked, caller = values
        request = dict(zip(_signature().parameters, asked, strict=False))
        try:
            prompt, model = (
                _text("prompt", request.pop("prompt")),
                _text("model", request.pop("model") or ""),
            )
            for written in generation_service.write(
                shelf, model or shelf.newest(), prompt, checked(request)
            ):
                yield answer(written)
        except NovelgenError as error:
            raise gr.Error(str(error), print_exception=False) from None
        finally:
            forget(caller.session_hash)

    generate.__signature__ = _signature()
    generate.__annotations__ = {
        each.name: each.annotation for each in _signature().parameters.values()
    }
    fields = "".join(f"    {name}: {_explained(spec)}\n" for name, spec in _FIELDS.items())
    generate.__doc__ = _DESCRIPTION.format(prompt=limits.PROMPT, fields=fields)
    return generate


def _signature() -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    fields = [
        inspect.Parameter(
            name,
            kind,
            default=None if name in _BY_RUN else spec.default,
            annotation=_annotation(name, spec),
        )
        for name, spec in _FIELDS.items()
    ]
    return inspect.Signature(
        [
            inspect.Parameter("prompt", kind, annotation=str),
            inspect.Parameter("model", kind, default=None, annotation=str | None),
            *fields,
            inspect.Parameter("caller", kind, default=None, annotation=gr.Request),
        ],  # given by Gradio
        return_annotation=dict[str, Any],
    )


def _annotation(name: str, spec: dataclasses.Field) -> Any:
    """The field's type; of a choice its names, so that programs see them."""
    choices = spec.metadata["choices"]
    if not choices:
        return _TYPES[name] | None if name in _BY_RUN else _TYPES[name]
    return Literal[choices] | None if spec.default is None or name in _BY_RUN else Literal[choices]


def _explained(spec: dataclasses.Field) -> str:
    """A field's help with its bounds, on one line."""
    bounds = spec.metadata
    largest = min(
        (bound for bound in (bounds["maximum"], LARGEST.get(spec.name)) if bound is not None),
        default=None,
    )
    parts = [
        f"null: {spec.default}" if spec.name in _BY_RUN else "",
        f"> {bounds['above']:g}" if bounds["above"] is not None else "",
        f"≥ {bounds['minimum']:g}" if bounds["minimum"] is not None else "",
        f"≤ {largest}" if largest is not None else "",
    ]
    allowed = ", ".join(filter(None, parts))
    return f"{bounds['help']}（{allowed}）" if allowed else bounds["help"]


def checked(request: Mapping[str, Any]) -> dict[str, Any]:
    """The options for a Generator from what came as JSON; null is the default.

    Raises ConfigError for a value of another type, out of range, or more than one visitor may ask for.
    """
    options = {name: _value(name, value) for name, value in request.items() if value is not None}
    for name, largest in LARGEST.items():
        if (options.get(name) or 0) > largest:
            raise ConfigError(
                f"{name} {options[name]}：本页至多 {largest} | this page allows {largest} at most"
            )
    DecodingConfig(**options)
    return options


def _value(name: str, value: Any) -> Any:
    """A JSON value as the field's type; a whole number may come as 5.0."""
    kind = next(
        part for part in typing.get_args(_TYPES[name]) or (_TYPES[name],) if part is not type(None)
    )
    if kind is str:
        return _text(name, value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or (kind is int and value != value // 1):
        raise ConfigError(f"{name}：应为{_KINDS[kind]}")
    try:
        return kind(value)
    except OverflowError:
        raise ConfigError(f"{name}：数太大 | the number is too large") from None


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{name}：应为{_KINDS[str]}")
    return value


def answer(written: generation_service.GenerationResult) -> dict[str, Any]:
    """What a program is told, plain data for JSON."""
    candidates = [_candidate(generation) for generation in written.generations]
    return {
        "text": candidates[0]["text"],
        "seed": candidates[0]["seed"],
        "candidates": candidates,
        "model": written.run,
        "device": written.device,
        "seconds": round(written.seconds, 3),
        "notes": written.generations[0].notes,
        "finished": written.finished,
    }


def _candidate(generation: Generation) -> dict[str, Any]:
    values = [value for paragraph in generation.paragraphs for value in paragraph.log_probabilities]
    return {
        "text": generation.text,
        "seed": generation.seed,
        "score": generation.score if generation.paragraphs else None,
        "log_probability": sum(values) / len(values) if values else None,
    }
