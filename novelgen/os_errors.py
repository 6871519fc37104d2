"""Why the operating system refused something, in the language that is shown."""

from __future__ import annotations

import errno
import os

from novelgen.i18n import N_, _

# What happens to files and addresses; of anything rarer the system's own words are shown.
_REASONS = {
    errno.EACCES: N_("permission denied"),
    errno.EADDRINUSE: N_("the address is already in use"),
    errno.EADDRNOTAVAIL: N_("this machine does not have the address"),
    errno.EEXIST: N_("the file exists"),
    errno.EINVAL: N_("invalid argument"),
    errno.EIO: N_("input/output error"),
    errno.EISDIR: N_("it is a directory"),
    errno.ELOOP: N_("too many levels of symbolic links"),
    errno.EMFILE: N_("too many open files"),
    errno.ENAMETOOLONG: N_("the name is too long"),
    errno.ENOENT: N_("no such file or directory"),
    errno.ENOSPC: N_("no space left on the disk"),
    errno.ENOTDIR: N_("a part of the path is not a directory"),
    errno.ENOTEMPTY: N_("the directory is not empty"),
    errno.EPERM: N_("operation not permitted"),
    errno.EROFS: N_("the file system is read-only"),
}


def reason_of(error: OSError) -> str:
    """The reason of an error, such as "permission denied"."""
    if error.errno is None:
        return str(error)
    return reason_of_number(error.errno)


def reason_of_number(number: int) -> str:
    """The reason that an error number of the operating system stands for."""
    if number in _REASONS:
        return _(_REASONS[number])
    return os.strerror(number)
