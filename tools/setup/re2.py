#!/usr/bin/env python3
"""Builds RE2 from Debian's source package into the cache folder, with its inner headers.

The compiler needs what RE2's public headers do not show: the instructions that a pattern becomes. Debian's own libre2-dev
holds the public headers only. Expects clang, ninja, perl, Debian's unicode-data, apt-get with a configured mirror, and the private
Python environment with cmake, as tools/bootstrap installs them. Guarantees a complete prefix (lib/libre2.a, include/re2, include/util)
under `<cache>/re2-<version>-<key>`, where the key is a hash of everything that shapes the result; an interrupted build leaves
no prefix behind.
"""

import hashlib
import pathlib
import re
import shutil
import sys
import tempfile

import library
import versions

FLAGS = library.configure_flags(["-DRE2_BUILD_TESTING=OFF"])


def pinned() -> tuple[str, str]:
    """Version and SHA-256 of the upstream archive in Debian's source package."""
    settings = versions.read()
    return settings["RE2_VERSION"], settings["RE2_SHA256"]


def prefix() -> pathlib.Path:
    version, digest = pinned()
    return library.prefix("re2", version, digest, *FLAGS)


def source_entries() -> str:
    """The machine's Debian sources, asked for source packages instead of binary ones."""
    entries = []
    files = [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]
    for path in sorted(file for file in files if file.is_file()):
        text = path.read_text()
        if path.suffix == ".sources":
            entries += [re.sub(r"^Types:.*$", "Types: deb-src", paragraph, flags=re.MULTILINE)
                        for paragraph in re.split(r"\n\s*\n", text) if re.search(r"^Types:.*\bdeb\b", paragraph, re.MULTILINE)]
        else:
            for kind, options, uri, suite, components in re.findall(r"^(deb)\s+(\[.*?\])?\s*(\S+)\s+(\S+)\s+(.+)$", text, re.MULTILINE):
                fields = [f"Types: {kind}-src", f"URIs: {uri}", f"Suites: {suite}", f"Components: {components}"]
                signed = re.search(r"signed-by=([^\s\]]+)", options)
                entries.append("\n".join(fields + ([f"Signed-By: {signed[1]}"] if signed else [])))
    return "\n\n".join(entries) + "\n"


def source_archive() -> pathlib.Path:
    """The upstream archive, fetched through apt-get (with lists of its own) when it is not in the cache yet."""
    version, digest = pinned()
    folder = versions.cache_folder() / "src"
    archive = folder / f"re2_{version.rpartition('-')[0]}.orig.tar.xz"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="re2-apt-", dir=folder) as work:
            work = pathlib.Path(work)
            (work / "parts").mkdir()
            (work / "parts/debian.sources").write_text(source_entries())
            for name in ("lists/partial", "archives/partial"):
                (work / name).mkdir(parents=True)
            options = ["-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={work / 'parts'}",
                       "-o", f"Dir::State::Lists={work / 'lists'}", "-o", f"Dir::Cache::Archives={work / 'archives'}",
                       "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o", "APT::Sandbox::User="]
            library.run(["apt-get", *options, "-q", "-q", "update"])
            library.run(["apt-get", *options, "-q", "-q", "source", "--download-only", f"re2={version}"], cwd=work)
            (work / archive.name).rename(archive)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        archive.unlink()
        sys.exit(f"tools/setup/re2.py: {archive.name} is not what RE2_SHA256 in tools/setup/versions.env pins")
    return archive


# Where Debian has Unicode's tables, which RE2's scripts would take from unicode.org.
UNICODE_FOLDER = "/usr/share/unicode"
# Runs one of these scripts. Of the package `six` they need the name only.
RUN_SCRIPT = """
import runpy, sys, types
sys.modules["six"], sys.modules["six.moves"] = types.ModuleType("six"), types.ModuleType("six.moves")
sys.modules["six.moves"].urllib = None
sys.path.insert(0, "re2")
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def make_tables(source: pathlib.Path) -> None:
    """Writes the tables that Debian leaves out of the archive, since they are generated."""
    reader = source / "re2/unicode.py"
    reader.write_text(re.sub(r'^_UNICODE_DIR = .*$', f'_UNICODE_DIR = "{UNICODE_FOLDER}"', reader.read_text(), flags=re.MULTILINE))
    for name in ("unicode_casefold", "unicode_groups"):
        with (source / f"re2/{name}.cc").open("w") as output:
            library.run([sys.executable, "-c", RUN_SCRIPT, f"re2/make_{name}.py"], cwd=source, stdout=output)
    with (source / "re2/perl_groups.cc").open("w") as output:
        library.run(["perl", "re2/make_perl_groups.pl"], cwd=source, stdout=output)


def build(target: pathlib.Path, jobs: int) -> None:
    with library.unpacked(source_archive(), target) as (work, source):
        make_tables(source)
        library.compile_targets(work, source, FLAGS, ["re2"], jobs)
        for folder in ("re2", "util"):
            (work / "prefix/include" / folder).mkdir(parents=True)
            for header in (source / folder).glob("*.h"):
                shutil.copy(header, work / "prefix/include" / folder)
        (work / "prefix/lib").mkdir()
        shutil.copy(work / "build/libre2.a", work / "prefix/lib")


if __name__ == "__main__":
    library.main(__doc__, f"RE2 {pinned()[0]} (a minute on 2 cores, once)", prefix(), build)
