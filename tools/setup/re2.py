#!/usr/bin/env python3
"""Builds RE2 from Debian's source package into the cache folder, with its inner headers.

The compiler needs what RE2's public headers do not show: the instructions that a pattern becomes. Debian's own libre2-dev
holds the public headers only. Expects clang, ninja, perl, Debian's unicode-data, apt-get with a configured mirror, and the private
Python environment with cmake, as tools/bootstrap installs them. Guarantees a complete prefix (lib/libre2.a, include/re2, include/util)
under `<cache>/re2-<version>-<key>`, where the key is a hash of everything that shapes the result; an interrupted build leaves
no prefix behind.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import versions

FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_CXX_STANDARD=20",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
    "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
    "-DCMAKE_CXX_VISIBILITY_PRESET=hidden",
    "-DCMAKE_VISIBILITY_INLINES_HIDDEN=ON",
    "-DRE2_BUILD_TESTING=OFF",
]


def configure_flags() -> list[str]:
    return [*FLAGS, f"-DCMAKE_CXX_COMPILER=clang++-{versions.read()['LLVM_VERSION']}"]


def pinned() -> tuple[str, str]:
    """Version and SHA-256 of the upstream archive in Debian's source package."""
    settings = versions.read()
    return settings["RE2_VERSION"], settings["RE2_SHA256"]


def prefix() -> pathlib.Path:
    key = hashlib.sha256("\n".join([*pinned(), *configure_flags()]).encode()).hexdigest()[:8]
    return versions.cache_folder() / f"re2-{pinned()[0]}-{key}"


def run(command: list, **options) -> None:
    """Runs a command with its output shown; ends this program when it fails."""
    status = subprocess.run([str(part) for part in command], **options).returncode
    if status != 0:
        sys.exit(f"tools/setup/re2.py: `{' '.join(map(str, command))}` failed with status {status}")


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
            run(["apt-get", *options, "-q", "-q", "update"])
            run(["apt-get", *options, "-q", "-q", "source", "--download-only", f"re2={version}"], cwd=work)
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
            run([sys.executable, "-c", RUN_SCRIPT, f"re2/make_{name}.py"], cwd=source, stdout=output)
    with (source / "re2/perl_groups.cc").open("w") as output:
        run(["perl", "re2/make_perl_groups.pl"], cwd=source, stdout=output)


def build(jobs: int) -> None:
    target = prefix()
    archive = source_archive()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="re2-build-", dir=target.parent) as work:
        work = pathlib.Path(work)
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(work)
        source = next(path for path in work.iterdir() if path.is_dir())
        make_tables(source)
        flags = configure_flags()
        if shutil.which("ccache"):
            flags.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        environment = {**os.environ, "CCACHE_BASEDIR": str(work), "CCACHE_NOHASHDIR": "1"}
        cmake = versions.cache_folder() / "venv/bin/cmake"
        run([cmake, "-G", "Ninja", "-S", source, "-B", work / "build", *flags], env=environment, stdout=subprocess.DEVNULL)
        run(["ninja", "-C", work / "build", "-j", jobs, "re2"], env=environment)
        for folder in ("re2", "util"):
            (work / "prefix/include" / folder).mkdir(parents=True)
            for header in (source / folder).glob("*.h"):
                shutil.copy(header, work / "prefix/include" / folder)
        (work / "prefix/lib").mkdir()
        shutil.copy(work / "build/libre2.a", work / "prefix/lib")
        if not target.exists():
            (work / "prefix").rename(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print-prefix", action="store_true", help="print where the library is or would be, and do nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    target = prefix()
    if arguments.print_prefix:
        print(target)
    elif not target.exists():
        print(f"building RE2 {pinned()[0]} into {target} (a minute on 2 cores, once)", flush=True)
        build(arguments.jobs)


if __name__ == "__main__":
    main()
