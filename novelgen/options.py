"""Options: dataclass fields that know their help text and their bounds.

A section of the configuration is a dataclass of such fields that derives from `Checked`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from novelgen.errors import ConfigError
from novelgen.i18n import N_, _, join_list

# What stands for None where the program is to choose, on the command line and in `Config.replace`.
AUTO = "auto"

# The largest magnitude of any number; far beyond it not even a float can hold an integer.
LARGEST = 2**64
# What a field's value is called in a message.
_KIND_NAMES = {
    bool: N_("true or false"),
    int: N_("a whole number"),
    float: N_("a number"),
    str: N_("text"),
}
# What a Chinese keyboard types for a comma.
_WIDE_COMMA = unicodedata.lookup("FULLWIDTH COMMA")


@dataclass(frozen=True)
class Control:
    """How the page shows an option. What is left out follows from the option: all of it may be.

    `label` and `info` are messages marked with `N_`; without them the field's name and the help
    are shown. `choices` names the choices. `group` is one of the page's groups; what is not
    `common` stands in a part of the page that is closed at first. A number moves by `step`, between
    bounds that may be closer than those of the option.
    """

    label: str = ""
    info: str = ""
    group: str = ""
    common: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    meanings: Mapping[str, str] | None = None,
    above: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    flags: tuple[str, ...] = (),
    auto: bool = False,
    control: Control = Control(),  # it is frozen
) -> Any:
    """Returns a dataclass field with a help text and bounds.

    `help` is a message marked with `N_`; whoever shows it translates it. `above` is an exclusive
    bound, `minimum` and `maximum` are inclusive. `flags` are further names on the command line.
    `meanings` are lines below the help text: a choice, and a message that says what it is. Where
    `auto` is set the default is None, for which AUTO may be given: the program chooses. `control`
    says how the page shows an option of decoding.
    """
    # A field's metadata is what dataclasses keep for such uses.
    bounds = {"choices": choices, "above": above, "minimum": minimum, "maximum": maximum}
    shown = {"help": help, "meanings": meanings or {}, "flags": flags, "auto": auto}
    return field(default=default, metadata={**shown, **bounds, "control": control})


def flag(name: str) -> str:
    """The command-line spelling of a field: `top_p` becomes `--top-p`."""
    return "--" + name.replace("_", "-")


def split_list(text: str) -> list[str]:
    """The items of a list with commas, the full-width ones of a Chinese keyboard included."""
    return [item.strip() for item in text.replace(_WIDE_COMMA, ",").split(",")]


def validate_choice(name: str, known: Mapping[str, Any] | tuple[str, ...], what: str) -> str:
    """Returns `name` when it is one of `known`.

    Raises ConfigError otherwise, with the nearest known name and the list of all. `what` says what
    is named, as a rule the option.
    """
    if name in known:
        return name
    # The value as Python writes it, so that an empty one or a space is seen.
    choices = join_list(known)
    close = difflib.get_close_matches(str(name), list(known), n=1)
    if not close:
        message = _("{option}: there is no {value!r}; choices: {choices}")
        raise ConfigError(message.format(option=what, value=name, choices=choices))
    message = _("{option}: there is no {value!r}; did you mean {suggestion}? choices: {choices}")
    raise ConfigError(message.format(option=what, value=name, suggestion=close[0], choices=choices))


def check_one_of(names: Sequence[str], *values: Any) -> None:
    """Raises ConfigError when more than one of the options `names` has a value."""
    if sum(value is not None for value in values) > 1:
        raise ConfigError(_("{options}: give only one of these").format(options=join_list(names)))


@dataclass(frozen=True)
class Checked:
    """A section of the configuration that checks every field against its bounds when it is made."""

    def __post_init__(self) -> None:
        section: type = type(self)
        kinds = kinds_of(section)
        for spec in dataclasses.fields(self):
            _check_field(spec, getattr(self, spec.name), kinds[spec.name])


@cache  # a section is made for every text that is written, and its types are always the same
def kinds_of(section: type) -> dict[str, tuple[type, ...]]:
    """The plain types that each field allows: both of `int | None`."""
    hints = typing.get_type_hints(section)
    return {name: typing.get_args(hint) or (hint,) for name, hint in hints.items()}


def _check_field(spec: dataclasses.Field[Any], value: Any, kinds: tuple[type, ...]) -> None:
    """Raises ConfigError when a value is of another type, no choice of its field, or out of range.

    `kinds` are the types that the field allows.
    """
    bounds = spec.metadata
    # None stands for "not given", where a field allows it.
    if value is None and type(None) in kinds:
        return
    _check_kind(flag(spec.name), value, kinds)
    if bounds["choices"]:
        validate_choice(value, bounds["choices"], flag(spec.name))
    # A bool is an int to Python, but has no range.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and not _is_in_range(value, bounds):
        raise ConfigError(_range_error(flag(spec.name), value, bounds))


def _check_kind(option_name: str, value: Any, kinds: tuple[type, ...]) -> None:
    """Raises ConfigError when a value is of none of these types; an int is a float as well."""
    # A bool is an int to Python, but no number that anybody means.
    if isinstance(value, bool):
        is_known = bool in kinds
    elif isinstance(value, int):
        is_known = int in kinds or float in kinds
    else:
        is_known = isinstance(value, kinds)
    if not is_known:
        names = join_list(_(_KIND_NAMES[kind]) for kind in kinds if kind in _KIND_NAMES)
        message = _("{option} {value!r}: must be {kinds}")
        raise ConfigError(message.format(option=option_name, value=value, kinds=names))


def _is_in_range(value: float, bounds: Mapping[str, Any]) -> bool:
    """Whether a number is finite and within the bounds of its field."""
    # The magnitude comes first: `isfinite` raises for an integer that no float can hold.
    if abs(value) > LARGEST or not math.isfinite(value):
        return False
    if bounds["above"] is not None and value <= bounds["above"]:
        return False
    if bounds["minimum"] is not None and value < bounds["minimum"]:
        return False
    return bounds["maximum"] is None or value <= bounds["maximum"]


def _range_error(option_name: str, value: float, bounds: Mapping[str, Any]) -> str:
    """What to say about a number that is out of range."""
    signs = {"above": ">", "minimum": "≥", "maximum": "≤"}
    limits = [
        f"{sign} {bounds[name]:g}" for name, sign in signs.items() if bounds[name] is not None
    ]
    # A number of many digits is not repeated.
    shown = "…" if abs(value) > LARGEST else value
    if not limits:
        message = _("{option} {value}: must be a finite number")
        return message.format(option=option_name, value=shown)
    message = _("{option} {value}: out of range, must be {limits}")
    return message.format(option=option_name, value=shown, limits=join_list(limits))
