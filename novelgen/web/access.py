"""Who may open the page, and below which path: the options --auth and --root-path."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from pathlib import Path

from novelgen.errors import ConfigError
from novelgen.i18n import _
from novelgen.os_errors import reason_of

# Segments of a path as they stand in a URL, without an empty one, "." and "..".
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~%-]+)+")

# Passwords by name.
Accounts = Mapping[str, str]


def root_path_of(given: str) -> str:
    """The path below which a reverse proxy serves the page, without a slash at its end.

    Empty where there is none. Raises ConfigError for what is no path.
    """
    path = given.rstrip("/")
    if path and not _PATH.fullmatch(path):
        message = _("--root-path {path!r}: give the path of the page's address, as in /novelgen")
        raise ConfigError(message.format(path=given))
    return path


def accounts_of(given: str | None) -> Accounts:
    """The accounts of --auth: NAME:PASSWORD, or a file with such lines; none without the option.

    Raises ConfigError, which never has what was given: it may be a password.
    """
    if given is None:
        return {}
    file = Path(given)
    if not _is_file(file):
        return dict([_account(given, "--auth")])
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ConfigError(_("--auth {path}: the file is not UTF-8").format(path=file)) from None
    except OSError as error:
        message = _("--auth {path}: cannot be read ({reason})")
        raise ConfigError(message.format(path=file, reason=reason_of(error))) from None
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise ConfigError(_("--auth {path}: the file is empty").format(path=file))
    place = _("--auth {path}, line {number}")
    return dict(_account(line, place.format(path=file, number=number)) for number, line in numbered)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # A password may be what no path can be.
        return False


def _account(text: str, place: str) -> tuple[str, str]:
    name, _colon, password = text.partition(":")
    if not name or not password:
        message = _("{place}: give NAME:PASSWORD, or a file with such lines")
        raise ConfigError(message.format(place=place))
    return name, password


def is_known(accounts: Accounts, authorization: str | None) -> bool:
    """Whether a header of HTTP's basic authentication (RFC 7617) has a name with its password.

    The time that it takes does not tell how much of a password was right.
    """
    scheme, _space, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    found = False
    # All are compared, so that the time does not tell which names there are either.
    for name, password in accounts.items():
        found |= hmac.compare_digest(given, f"{name}:{password}".encode())
    return found
