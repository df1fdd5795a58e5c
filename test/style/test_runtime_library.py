"""The runtime library: what it needs from its host program, and how much code it is."""

import re
import subprocess
import sys

import pytest

MAX_CODE_BYTES = 64 * 1024

# What the runtime may take from libc, libm, libpthread and libdl; nothing of the C++ library.
ALLOWED = {
    # memory and strings
    "malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign", "memcpy", "memmove", "memset", "memcmp", "strlen",
    "strcmp", "strncmp", "strchr", "strrchr", "strstr", "strdup", "strtol", "strtoul", "strtoull", "snprintf", "vsnprintf",
    "strerror", "strerror_r", "__xpg_strerror_r", "getenv", "secure_getenv", "abort", "bcmp", "__errno_location", "atexit",
    # files and mappings
    "open", "openat", "close", "read", "pread", "fstat", "stat", "lseek", "mmap", "munmap", "madvise", "mprotect", "realpath",
    "readlink", "open64", "fstat64", "lseek64", "mmap64", "pread64", "sysconf", "getpagesize", "getpid", "getauxval",
    # threads and time
    "syscall", "sched_yield", "sched_getaffinity", "sched_setaffinity", "clock_gettime", "nanosleep", "__sched_cpucount",
    "pthread_create", "pthread_join", "pthread_detach", "pthread_self", "pthread_setname_np", "pthread_once", "pthread_atfork", "pthread_attr_init",
    "pthread_attr_destroy", "pthread_attr_setstacksize", "pthread_attr_setdetachstate", "pthread_mutex_init", "pthread_mutex_destroy", "pthread_mutex_lock",
    "pthread_mutex_trylock", "pthread_mutex_unlock", "pthread_cond_init", "pthread_cond_destroy", "pthread_cond_wait",
    "pthread_cond_timedwait", "pthread_cond_signal", "pthread_cond_broadcast", "pthread_key_create", "pthread_getspecific",
    "pthread_setspecific", "__register_atfork", "pthread_sigmask", "sigfillset",
    # loading
    "dlopen", "dlsym", "dlclose", "dlerror", "dladdr",
    # the linker's own
    "_GLOBAL_OFFSET_TABLE_", "__dso_handle", "__tls_get_addr", "_DYNAMIC",
}


@pytest.fixture(scope="module")
def library(build):
    path = build / "lib/libtenon_runtime.a"
    assert path.exists(), f"{path} is missing"
    return path


@pytest.fixture(scope="module")
def llvm(root):
    version = re.search(r"^LLVM_VERSION=(\d+)$", (root / "tools/setup/versions.env").read_text(), re.MULTILINE)[1]

    def run(tool, *arguments):
        return subprocess.run([f"/usr/lib/llvm-{version}/bin/{tool}", *map(str, arguments)], capture_output=True, text=True, check=True).stdout

    return run


def test_it_needs_only_libc(library, llvm):
    undefined = set(re.findall(r"^\s+[Uw] (\S+)$", llvm("llvm-nm", library), re.MULTILINE))
    defined = set(re.findall(r"^[0-9a-f]+ [A-TV-Z] (\S+)$", llvm("llvm-nm", library), re.MULTILINE))
    assert defined, "nothing is defined"
    needed = {re.sub(r"@.*", "", name) for name in undefined - defined}
    assert needed <= ALLOWED, f"undefined symbols that the allow-list lacks: {sorted(needed - ALLOWED)}"


def test_its_code_is_small(library, llvm):
    sections = re.findall(r"^\.text\S*\s+(\d+)", llvm("llvm-size", "-A", library), re.MULTILINE)
    size = sum(map(int, sections))
    assert 0 < size <= MAX_CODE_BYTES, f"{size} bytes of code, at most {MAX_CODE_BYTES}"


def test_it_exports_only_its_api(library, llvm):
    exported = re.findall(r"^[0-9a-f]+ [TDBR] (\S+)$", llvm("llvm-nm", "--extern-only", library), re.MULTILINE)
    foreign = [name for name in exported if not name.startswith("tenon_") and "5tenon" not in name]
    assert exported and not foreign, f"symbols outside the library's name space: {foreign}"


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_the_text_operators_need_nothing_but_their_host(build, llvm, processor):
    library = build / f"lib/text/{processor}.o"
    if not library.exists():
        pytest.skip(f"{library.name} is not built: the C library's headers for {processor} are missing")
    symbols = llvm("llvm-nm", library)
    weak = set(re.findall(r" W (\S+)$", symbols, re.MULTILINE))
    assert weak and all(name.startswith("tenon_text_") or "5tenon4text" in name for name in weak)
    # A program may link several models, each of which contains them.
    strong = re.findall(r" [A-TV] (\S+)$", symbols, re.MULTILINE)
    assert not strong
    # What compilers call by themselves; compiler/Emit links models with no more.
    undefined = set(re.findall(r"^\s+[Uw] (\S+)$", symbols, re.MULTILINE))
    assert undefined <= {"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"}


def test_the_case_tables_are_those_of_this_python(root):
    """Of its Unicode version, that is."""
    path = root / "runtime/text/CaseTables.inc"
    finished = subprocess.run([sys.executable, root / "tools/setup/case_tables.py"], capture_output=True, text=True, check=True)
    assert finished.stdout == path.read_text()
