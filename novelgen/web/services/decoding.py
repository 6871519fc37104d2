"""The options of decoding as the page shows them: made from the metadata of DecodingConfig.

A field of DecodingConfig is on the page by itself. What its `Control` leaves out follows from the
field: its type, its bounds, its help.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from novelgen.config import DecodingConfig
from novelgen.config.effects import applies
from novelgen.decoding_styles import STYLES
from novelgen.errors import ConfigError
from novelgen.i18n import N_, _, join_list
from novelgen.options import Control, kinds_of
from novelgen.web import limits

# The parts of the page that are closed at first, in their order; the last is of no group.
GROUPS = {
    "sampling": N_("What sampling chooses from"),
    "beam": N_("Beam search"),
    "repetition": N_("Against repetition"),
    "words": N_("Words"),
    "length": N_("Length"),
    "mixture": N_("Beside the network"),
    "": N_("Further settings"),
}
# The Write tab lays these out itself, beside the text.
_ELSEWHERE = ("prefix", "paragraphs")
# Where a step is not given: the finer one for numbers that are shares.
_FINE_STEP = 0.01
_COARSE_STEP = 0.05


class Setting(NamedTuple):
    """A field of DecodingConfig with all that its component needs."""

    name: str
    # A number is typed where it may be left out: then the text is empty.
    kind: Literal["choice", "switch", "number", "typed number", "text"]
    default: Any
    # English messages.
    label: str
    info: str
    group: str
    is_common: bool
    choices: Mapping[str, str]
    # None where a number has no such bound.
    minimum: float | None
    maximum: float | None
    step: float
    is_whole: bool


def settings_of(section: type = DecodingConfig) -> dict[str, Setting]:
    """The settings of the page by name, in the order of the fields."""
    kinds = kinds_of(section)
    fields = [spec for spec in dataclasses.fields(section) if spec.name not in _ELSEWHERE]
    return {spec.name: _setting(spec, kinds[spec.name]) for spec in fields}


def _setting(spec: dataclasses.Field[Any], kinds: tuple[type, ...]) -> Setting:
    control: Control = spec.metadata["control"]
    is_whole = int in kinds
    low, high = _bounds(spec, control)
    step = control.step
    if step is None and is_whole:
        step = 1
    elif step is None:
        is_share = low is not None and high is not None and high - low <= 1
        step = _FINE_STEP if is_share else _COARSE_STEP
    if low is None and spec.metadata["above"] is not None:
        # The option's bound itself is not allowed.
        low = spec.metadata["above"] + step
    return Setting(
        name=spec.name,
        kind=_kind(spec, kinds, low, high),
        default=spec.default,
        label=control.label or spec.name.replace("_", " ").capitalize(),
        info=control.info or spec.metadata["help"],
        group=control.group if control.group in GROUPS else "",
        is_common=control.common,
        choices=control.choices or {name: name for name in spec.metadata["choices"] or ()},
        minimum=low,
        maximum=high,
        step=step,
        is_whole=is_whole,
    )


def _bounds(spec: dataclasses.Field[Any], control: Control) -> tuple[float | None, float | None]:
    """The closest of the control's bounds, the option's, and what one visitor may ask for."""
    lows = [control.minimum, spec.metadata["minimum"]]
    highs = [control.maximum, spec.metadata["maximum"], limits.LARGEST.get(spec.name)]
    low = max((bound for bound in lows if bound is not None), default=None)
    high = min((bound for bound in highs if bound is not None), default=None)
    return low, high


def _kind(
    spec: dataclasses.Field[Any],
    kinds: tuple[type, ...],
    low: float | None,
    high: float | None,
) -> Literal["choice", "switch", "number", "typed number", "text"]:
    if spec.metadata["choices"]:
        return "choice"
    if bool in kinds:
        return "switch"
    if int not in kinds and float not in kinds:
        return "text"
    # A field for numbers would send 0 when it is empty, which is a number like any other.
    can_slide = spec.default is not None and low is not None and high is not None
    return "number" if can_slide else "typed number"


SETTINGS = settings_of()
DEFAULTS = {name: setting.default for name, setting in SETTINGS.items()}
DECODERS = SETTINGS["decoder"].choices
TASKS = SETTINGS["task"].choices
# The styles of the command line, as presets; all of them sample.
PRESETS = {name: {"decoder": "sample", **style} for name, style in STYLES.items()}
# What tells them apart.
_TOLD = [
    name
    for name in PRESETS["balanced"]
    if len({str(preset[name]) for preset in PRESETS.values()}) > 1
]


def preset_of(values: Mapping[str, Any]) -> str | None:
    """The preset that the settings are; None where they are none of them."""
    for name, preset in PRESETS.items():
        if all(values.get(field) == value for field, value in preset.items()):
            return name
    return None


def described(preset: str | None) -> str:
    """What a preset sets, in the language that is shown."""
    if preset not in PRESETS:
        return _("your own settings")
    figures = [f"{_(SETTINGS[name].label)} {PRESETS[preset][name]:g}" for name in _TOLD]
    return join_list(figures)


def request_options(
    given: Mapping[str, Any], settings: Mapping[str, Setting] = SETTINGS
) -> dict[str, Any]:
    """The fields of DecodingConfig for what stands in the controls.

    Those that the decoder has no use for are hidden, and not read: what stands in them is no error.
    An empty control leaves the default. Raises ConfigError for what is typed as a number and none.
    """
    options = {}
    for name, value in given.items():
        if value is None or not applies(name, given["decoder"]):
            continue
        if settings[name].kind == "typed number":
            value = _typed_number(settings[name], value)
        if value is not None:
            options[name] = value
    return options


def seed_of(typed: str | None) -> int | None:
    """A seed as typed; None, which is a random one, where nothing was typed.

    Raises ConfigError.
    """
    seed: int | None = _typed_number(SETTINGS["seed"], typed or "")
    return seed


def _typed_number(setting: Setting, typed: str) -> Any:
    typed = typed.strip()
    if not typed:
        return None
    number = _number(setting, typed)
    low = setting.minimum
    high = setting.maximum
    is_in_range = (
        number is not None and (low is None or number >= low) and (high is None or number <= high)
    )
    if is_in_range:
        return number
    if setting.name == "seed":
        message = _("the seed must be a whole number from 0 to {largest}, or empty")
        raise ConfigError(message.format(largest=limits.SEED))
    message = _("{label}: give a number that is allowed, or leave it empty")
    raise ConfigError(message.format(label=_(setting.label)))


def _number(setting: Setting, typed: str) -> float | None:
    """What was typed as a number; None where it is none."""
    # The length goes first: int() refuses a text of thousands of digits.
    if len(typed) > len(str(limits.SEED)):
        return None
    try:
        if setting.is_whole:
            return int(typed) if typed.isdecimal() else None
        return float(typed)
    except ValueError:
        return None


def kept(stored: Any, settings: Mapping[str, Setting] = SETTINGS) -> dict[str, Any]:
    """Of settings that a browser has kept, those that can still be shown.

    They may be of another version of the page, or anybody's.
    """
    if not isinstance(stored, dict):
        return {}
    return {
        name: value
        for name, value in stored.items()
        if name in settings and _can_show(settings[name], value)
    }


def _can_show(setting: Setting, value: Any) -> bool:
    if setting.kind == "choice":
        return isinstance(value, str) and value in setting.choices
    if setting.kind == "switch":
        return isinstance(value, bool)
    if setting.kind != "number":
        return isinstance(value, str) and len(value) <= limits.OPENING
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    low, high = setting.minimum, setting.maximum
    return is_number and low is not None and high is not None and low <= value <= high
