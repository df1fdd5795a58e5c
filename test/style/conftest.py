"""The files of the checkout, read once for all style checks."""

import functools
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = {".onnx", ".npy", ".npz", ".pb"}


class Tree:
    """Every file that is or could be committed: tracked, or new and not ignored."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                 cwd=root, capture_output=True, text=True, check=True).stdout
        self.paths = sorted(path for path in set(listing.split("\0")) if path and (root / path).is_file())

    def matching(self, *suffixes: str, under: str = "") -> list[str]:
        return [path for path in self.paths if path.endswith(suffixes) and path.startswith(under)]

    @functools.cache
    def text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def texts(self) -> list[str]:
        """All paths but those of binary files."""
        return [path for path in self.paths if pathlib.PurePath(path).suffix not in BINARY]


@pytest.fixture(scope="session")
def tree() -> Tree:
    return Tree(ROOT)
