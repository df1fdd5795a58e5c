"""libtenon_runtime for AArch64 is small and free of C++; the headers are usable from C99 and C++17."""

import re
import subprocess

import pytest

# What the runtime may take from libc, libm, pthread and dl. A new name here is a decision.
ALLOWED = set("""
__errno_location __sched_cpucount bcmp calloc clock_gettime close dlclose dlerror dlopen dlsym free fstat getauxval madvise
malloc memcmp memcpy memset mmap munmap nanosleep open posix_memalign pthread_atfork pthread_create pthread_join
pthread_mutex_lock pthread_mutex_unlock pthread_setname_np pthread_sigmask read sched_getaffinity sched_yield sigfillset
snprintf strchr strcmp strerror strlen strncmp strrchr syscall sysconf vsnprintf
""".split())

PROGRAM = """
#include <tenon/tenon.h>
#include <stdio.h>
int main(int argc, char **argv) {
  tenon_module *module = NULL;
  char error[256];
  int status = tenon_open(argc > 1 ? argv[1] : "none.so", NULL, &module, error, sizeof error);
  tenon_tensor zeroed = {0};
  (void)zeroed;
  printf("%s %s\\n", tenon_version(), tenon_status_name(status));
  tenon_close(module);
  return status == TENON_OK ? 0 : 1;
}
"""


def symbols(archive, *options):
    listing = subprocess.run(["llvm-nm-22", "--format=just-symbols", *options, archive], capture_output=True, text=True,
                             check=True)
    return {name for name in listing.stdout.split() if not name.endswith(":")}


def test_archive_for_aarch64(build):
    archive = build / "lib/aarch64-linux-gnu/libtenon_runtime.a"
    needed = symbols(archive, "--undefined-only") - symbols(archive, "--defined-only")
    assert needed - ALLOWED == set()
    sizes = subprocess.run(["llvm-size-22", "-t", archive], capture_output=True, text=True, check=True).stdout
    code = int(re.search(r"^\s*(\d+).*TOTALS", sizes, re.MULTILINE)[1])
    assert 10_000 < code <= 64 * 1024


@pytest.mark.parametrize("compiler, standard, suffix", [("clang-22", "c99", "c"), ("clang-22", "c11", "c"), ("gcc", "c99", "c"),
                                                        ("clang++-22", "c++17", "cpp"), ("g++", "c++17", "cpp")])
def test_header_and_linking(root, build, libraries, tmp_path, compiler, standard, suffix):
    """No C++ library in a C program; no warning from the headers."""
    source, program = tmp_path / f"program.{suffix}", tmp_path / "program"
    source.write_text(PROGRAM)
    warnings = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion", *(["-Wno-missing-field-initializers"] if suffix == "cpp" else [])]
    subprocess.run([compiler, f"-std={standard}", *warnings, "-I", root / "runtime/include", source,
                    build / "lib/libtenon_runtime.a", "-lm", "-lpthread", "-ldl", "-o", program], check=True)
    done = subprocess.run([program, libraries / "affine.so"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(" ok\n")


def test_headers_stand_alone(root, tmp_path):
    """Each public header compiles first and alone."""
    for header in ("tenon/model_abi.h", "tenon/tenon.h"):
        for language, standard in (("c", "c99"), ("c++", "c++17")):
            subprocess.run(["clang-22", "-x", language, f"-std={standard}", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                            "-I", root / "runtime/include", "-"], input=f'#include "{header}"\n', text=True, check=True)
