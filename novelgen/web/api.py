"""/generate: what the page's buttons do, for programs.

It is served over HTTP, to gradio_client, and as an MCP tool. Its description is English only; an
error is in the language of the request, English by default.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Literal

import gradio as gr

from novelgen.config import DecodingConfig, decoding_defaults
from novelgen.decoding.generator import Generation
from novelgen.errors import ConfigError, NovelgenError
from novelgen.i18n import _
from novelgen.web import limits
from novelgen.web.language import in_language, visitor_language
from novelgen.web.services import streaming
from novelgen.web.services.model_registry import ModelRegistry

_FIELDS = {spec.name: spec for spec in dataclasses.fields(DecodingConfig)}
_TYPES = typing.get_type_hints(DecodingConfig)
_DEFAULTS = {name: spec.default for name, spec in _FIELDS.items()}
# Their defaults depend on what the model was trained on, so that null must stand for them.
_DEFAULT_BY_RUN = decoding_defaults(from_pairs=True)

# Gradio and MCP show this text to the program that calls; Gradio parses its sections.
_DESCRIPTION = """Writes the next paragraphs of a Chinese novel.
A stream of answers whose texts grow; the last one is whole. Every setting has a default that \
writes well; null stands for that default.

Parameters:
    prompt: the novel so far, in Chinese; of a longer text the last {prompt:,} characters are used
    model: name of the run directory, or novelgen/base, the base model; without one the newest run
{fields}
Returns:
    text and seed of the first candidate, candidates (each with text, seed, score and the natural \
log-probability of a token on average),
    model, device, seconds, notes (how the request was understood), finished (nothing follows any \
more).
"""


def add(registry: ModelRegistry, blocks: gr.Blocks) -> None:
    """Adds the endpoint to the page that is being built."""

    def forget(session: str) -> None:
        # A program that calls over plain HTTP is a new session each time, and Gradio keeps a copy
        # of the whole page's configuration for each, some 200 KB, of the last 10,000. There is no
        # public way: `launch(state_session_capacity=…)` would forget visitors as well.
        blocks.state_holder.session_data.pop(session, None)
        blocks.state_holder.time_last_used.pop(session, None)

    # mypy: gradio re-exports this function without saying so.
    add_endpoint = gr.api  # type: ignore[attr-defined]
    add_endpoint(endpoint(registry, forget), api_name="generate", **limits.TURN)


def endpoint(
    registry: ModelRegistry, forget: Callable[[str], None]
) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function that answers programs; its parameters are described by DecodingConfig's fields.

    It passes the session's name to `forget` when a call has ended, however it ended.
    """
    signature = _signature()

    def generate(*values: Any) -> Iterator[dict[str, Any]]:
        # Gradio passes a value for every parameter, in order.
        settings = dict(zip(signature.parameters, values, strict=True))
        caller = settings.pop("caller")
        try:
            yield from in_language(visitor_language(caller), _answers(registry, settings))
        finally:
            forget(caller.session_hash)

    # 1. Gradio reads names, types and defaults from these two attributes.
    described: Any = generate
    described.__signature__ = signature
    described.__annotations__ = {
        each.name: each.annotation for each in signature.parameters.values()
    }
    # 2. And the descriptions from the docstring.
    fields = "".join(f"    {name}: {_explained(spec)}\n" for name, spec in _FIELDS.items())
    described.__doc__ = _DESCRIPTION.format(prompt=limits.PROMPT, fields=fields)
    return generate


def _answers(
    registry: ModelRegistry, settings: Mapping[str, Any]
) -> Generator[dict[str, Any], None, None]:
    """The growing answers to one request. Raises gr.Error for one that cannot be answered."""
    options = dict(settings)
    try:
        prompt = _text("prompt", options.pop("prompt"))
        model = _text("model", options.pop("model") or "") or registry.newest()
        for result in streaming.write(registry, model, prompt, checked(options)):
            yield answer(result)
    except NovelgenError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _signature() -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    # null, where the default is known only when the run is.
    defaults = {**_DEFAULTS, **dict.fromkeys(_DEFAULT_BY_RUN)}
    fields = []
    for name, spec in _FIELDS.items():
        annotation = _annotation(name, spec)
        fields.append(inspect.Parameter(name, kind, default=defaults[name], annotation=annotation))
    parameters = [
        inspect.Parameter("prompt", kind, annotation=str),
        inspect.Parameter("model", kind, default=None, annotation=str | None),
        *fields,
        # Gradio passes its Request here; programs do not see this parameter.
        inspect.Parameter("caller", kind, default=None, annotation=gr.Request),
    ]
    return inspect.Signature(parameters, return_annotation=dict[str, Any])


def _annotation(name: str, spec: dataclasses.Field[Any]) -> Any:
    """The field's type; of a choice its names, so that programs see them."""
    choices = spec.metadata["choices"]
    annotation = _TYPES[name]
    may_be_null = name in _DEFAULT_BY_RUN
    if choices:
        annotation = Literal[choices]
        may_be_null = may_be_null or spec.default is None
    if may_be_null:
        return annotation | None
    return annotation


def _explained(spec: dataclasses.Field[Any]) -> str:
    """A field's help with its bounds, on one line."""
    bounds = spec.metadata
    # 1. The bounds; one that DecodingConfig has may be stricter than this page's, or the reverse.
    parts = []
    if spec.name in _DEFAULT_BY_RUN:
        parts.append(f"null: {spec.default}")
    if bounds["above"] is not None:
        parts.append(f"> {bounds['above']:g}")
    if bounds["minimum"] is not None:
        parts.append(f"≥ {bounds['minimum']:g}")
    maxima = [bounds["maximum"], limits.LARGEST.get(spec.name)]
    known_maxima = [maximum for maximum in maxima if maximum is not None]
    if known_maxima:
        parts.append(f"≤ {min(known_maxima)}")
    # 2. The help, which the command line shows as well.
    text: str = bounds["help"]
    if not parts:
        return text
    return f"{text} ({', '.join(parts)})"


def checked(request: Mapping[str, Any]) -> dict[str, Any]:
    """The options for a Generator from what came as JSON; null is the default.

    Raises ConfigError for a value of another type, out of range, or more than one visitor may ask
    for.
    """
    options = {name: _value(name, value) for name, value in request.items() if value is not None}
    for name, largest in limits.LARGEST.items():
        value = options.get(name) or 0
        if value > largest:
            message = _("{name} {value}: this page allows {largest} at most")
            raise ConfigError(message.format(name=name, value=value, largest=largest))
    DecodingConfig(**options)
    return options


def _value(name: str, value: Any) -> Any:
    """A JSON value as the field's type; a whole number may come as 5.0."""
    declared = _TYPES[name]
    types = typing.get_args(declared) or (declared,)
    kind = next(part for part in types if part is not type(None))
    if kind is str:
        return _text(name, value)
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(_("{name}: give true or false").format(name=name))
        return value
    # bool is a subclass of int.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int and not (is_number and value == value // 1):
        raise ConfigError(_("{name}: give a whole number").format(name=name))
    if not is_number:
        raise ConfigError(_("{name}: give a number").format(name=name))
    try:
        return kind(value)
    except OverflowError:
        raise ConfigError(_("{name}: the number is too large").format(name=name)) from None


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(_("{name}: give a text").format(name=name))
    return value


def answer(result: streaming.GenerationResult) -> dict[str, Any]:
    """What a program gets, plain data for JSON."""
    candidates = [_candidate(generation) for generation in result.generations]
    return {
        "text": candidates[0]["text"],
        "seed": candidates[0]["seed"],
        "candidates": candidates,
        "model": result.run,
        "device": result.device,
        "seconds": round(result.seconds, 3),
        "notes": result.generations[0].notes,
        "finished": result.finished,
    }


def _candidate(generation: Generation) -> dict[str, Any]:
    values = [value for paragraph in generation.paragraphs for value in paragraph.log_probabilities]
    # Before the first token there is nothing to divide by; JSON has null then, and no NaN.
    score = None
    mean = None
    if generation.paragraphs:
        score = generation.score
    if values:
        mean = sum(values) / len(values)
    return {
        "text": generation.text,
        "seed": generation.seed,
        "score": score,
        "log_probability": mean,
    }
