"""The pinned versions of tools/setup/versions.env, for the Python helpers.

Needs only Python's standard library, because it runs before the private environment exists.
"""

import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def cache_folder() -> pathlib.Path:
    """The folder for what is built or downloaded once: $TENON_CACHE, else ~/.cache/tenon."""
    return pathlib.Path(os.environ.get("TENON_CACHE") or pathlib.Path.home() / ".cache" / "tenon")


def read() -> dict[str, str]:
    """All NAME=value lines of versions.env, quotes removed, white space folded."""
    text = (ROOT / "tools/setup/versions.env").read_text()
    pairs = re.findall(r'^(\w+)=(?:"([^"]*)"|(\S*))$', text, re.MULTILINE)
    return {name: " ".join((quoted or plain).split()) for name, quoted, plain in pairs}


def python_package(name: str) -> str:
    """The pinned version of one Python package."""
    for requirement in read()["PYTHON_PACKAGES"].split():
        package, _, version = requirement.partition("==")
        if package == name:
            return version
    raise KeyError(f"{name} is not among PYTHON_PACKAGES of tools/setup/versions.env")
