"""Who may include whom. The table is that of the design; a folder that is not in it may include nothing of the project."""

import re

import pytest

STAGES = ("Import", "Graph", "Quantize", "Layout", "Fuse", "Schedule", "Codegen", "Emit")
ABI = ("tenon/model_abi.h", "runtime/include/tenon/model_abi.h")
RUNTIME = ("tenon/", "runtime/include/tenon/")
MLIR = ("mlir/", "llvm/", "mlir-c/", "llvm-c/")

# Layer -> prefixes of what its files may include in quotes, beside the layer itself.
LAYERS = {
    "runtime": RUNTIME,
    "dialects/nn": MLIR,
    "dialects/ukernel": MLIR,
    # Support and Codegen lay out what the contract with the runtime describes.
    "compiler/Support": (*MLIR, *ABI),
    "targets/x86": (*MLIR, *ABI, "dialects/", "compiler/Support/"),
    "targets/aarch64": (*MLIR, *ABI, "dialects/", "compiler/Support/"),
    "targets": (*MLIR, *ABI, "dialects/", "compiler/Support/"),
    **{f"compiler/{stage}": (*MLIR, "dialects/", "compiler/Support/", "targets/Target.h") for stage in STAGES},
    "compiler/Pipeline": (*MLIR, "dialects/", "compiler/Support/", "targets/Target.h",
                          *(f"compiler/{stage}/" for stage in STAGES)),
    "compiler/Driver": (*MLIR, "dialects/", "compiler/Support/", "compiler/Pipeline/", "compiler/Import/", "compiler/Emit/",
                        "targets/Registry.h", "targets/Target.h"),
    "tools/tenon": (*MLIR, *RUNTIME, "dialects/", "compiler/Driver/", "compiler/Pipeline/", "compiler/Support/Version.h",
                    "targets/Registry.h", "CLI/", "nlohmann/"),
    "tools/tenon-opt": (*MLIR, "dialects/", "compiler/Driver/", "compiler/Pipeline/", "targets/Registry.h"),
    "tools/python": (*RUNTIME, "compiler/Driver/", "compiler/Support/Version.h", "nanobind/"),
    "tools/bench": RUNTIME,
    "tools/cmake": MLIR,
}
LAYERS["compiler/Import"] += ("onnx/", "google/protobuf/", "re2/")
LAYERS["compiler/Emit"] += (*ABI, "lld/", "nlohmann/")
LAYERS["compiler/Codegen"] += ABI
LAYERS["compiler/Driver"] += ("nlohmann/",)

# Libraries of others that may be included with angle brackets, and where.
LIBRARIES = {"nlohmann": ("compiler/Emit", "compiler/Driver", "tools/tenon"), "CLI": ("tools/tenon",), "nanobind": ("tools/python",)}
# The C++ library's headers are not for the runtime; these few hold nothing to link.
RUNTIME_CXX_HEADERS = {"new", "type_traits", "cstddef", "cstdint", "utility", "initializer_list"}

INCLUDE = re.compile(r'^\s*#?\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def layer_of(path: str) -> str:
    """The longest layer that the path lies in."""
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if folder in LAYERS:
            return folder
    return ""


def sources(tree) -> list[str]:
    return [path for path in tree.matching(".cpp", ".h", ".td", ".c", ".inc") if not path.startswith(("test/", "docs/"))]


def allowed(path: str, included: str) -> bool:
    layer = layer_of(path)
    if layer.startswith("targets") and layer_of(included) != layer and included.startswith("targets/"):
        # One target never sees another; all share the headers beside them; only the registry sees every target.
        shared = layer_of(included) == "targets" and included != "targets/Registry.h"
        return shared or path == "targets/Registry.cpp"
    return included.startswith((layer + "/", *LAYERS[layer]))


def test_every_source_lies_in_a_known_layer(tree):
    unknown = [path for path in sources(tree) if not layer_of(path)]
    assert not unknown, f"no layer of the table holds {unknown}"


def test_includes_follow_the_layers(tree):
    wrong = []
    for path in sources(tree):
        for quoted, _ in INCLUDE.findall(tree.text(path)):
            if quoted and layer_of(path) and not allowed(path, quoted):
                wrong.append(f"{path}: {quoted}")
    assert not wrong, "includes that the layer table forbids (or that do not start at the repository's root):\n" + "\n".join(wrong)


def test_libraries_stay_where_they_belong(tree):
    wrong = []
    for path in sources(tree):
        for _, system in INCLUDE.findall(tree.text(path)):
            library = system.partition("/")[0]
            if library in LIBRARIES and layer_of(path) not in LIBRARIES[library]:
                wrong.append(f"{path}: <{system}>")
    assert not wrong, "\n".join(wrong)


def test_the_runtime_includes_no_cxx_library(tree):
    wrong = []
    for path in tree.matching(".cpp", ".h", under="runtime/"):
        for _, system in INCLUDE.findall(tree.text(path)):
            if system and not system.endswith(".h") and system not in RUNTIME_CXX_HEADERS:
                wrong.append(f"{path}: <{system}>")
    assert not wrong, "headers of the C++ library in the runtime:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "path, included, expected",
    [
        ("dialects/nn/Nn.cpp", "dialects/nn/NnOps.h.inc", True),
        ("dialects/nn/Nn.cpp", "dialects/ukernel/Ukernel.h", False),
        ("compiler/Fuse/FormKernels.cpp", "compiler/Fuse/Passes.h", True),
        ("compiler/Fuse/FormKernels.cpp", "compiler/Graph/Passes.h", False),
        ("compiler/Fuse/FormKernels.cpp", "targets/Registry.h", False),
        ("compiler/Schedule/TileKernels.cpp", "targets/Target.h", True),
        ("targets/x86/X86.cpp", "targets/aarch64/AArch64.h", False),
        ("targets/x86/X86.cpp", "targets/Registry.h", False),
        ("targets/x86/X86.cpp", "targets/Target.h", True),
        ("targets/Registry.cpp", "targets/x86/X86.h", True),
        ("targets/Target.cpp", "targets/x86/X86.h", False),
        ("compiler/Import/Importer.cpp", "onnx/onnx_pb.h", True),
        ("compiler/Graph/InferShapes.cpp", "onnx/onnx_pb.h", False),
        ("runtime/Pool.cpp", "compiler/Support/Version.h", False),
    ],
)
def test_the_table_decides_as_the_design_does(path, included, expected):
    assert allowed(path, included) == expected
