"""The inner loops of the main microkernels keep the multiply-add pipes of processors that are not at hand busy.

Each model is compiled for a processor, the loop that multiplies is cut out of the disassembly, and llvm-mca says from
LLVM's model of that processor what limits it. The pipes are those of the tables in targets/x86/X86Target.cpp and
targets/aarch64/AArch64Target.cpp (sources there): vector multiply-adds of the widest vectors started per cycle.
"""

import dataclasses
import json
import os
import re
import subprocess

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon
from disassembly import Loop, loops

MULTIPLY_ADD = re.compile(r"vf(n?m)(add|sub)\d+p[sd]\b|fml[as]\b")
# Writing anything: in AT&T syntax the last operand is memory.
STORE = re.compile(r"(?!cmp|test|prefetch|v?u?comis|vptest).*\)\s*$|st[rpu]\w*\b")
ITERATIONS = 200
# Above the bound that the pipes set: of the static throughput, and of the simulation, which has latencies and queues.
BOUND_TOLERANCE, SIMULATION_TOLERANCE = 1.05, 1.10


@dataclasses.dataclass(frozen=True)
class Processor:
    """A processor to compile for, and the resources of llvm-mca's model that are its multiply-add pipes."""

    cpu: str
    triple: str
    pipes: tuple[str, ...]
    model: str = ""

    def __str__(self) -> str:
        return f"{self.cpu}-as-{self.model}" if self.model else self.cpu


X86, ARM = "x86_64-linux-gnu", "aarch64-linux-gnu"
HASWELL = Processor("haswell", X86, ("HWPort0", "HWPort1"))
# 512-bit vectors: ports 0 and 1 together, and port 5.
SKYLAKE_X = Processor("skylake-avx512", X86, ("SKXPort0", "SKXPort5"))
SAPPHIRE_RAPIDS = Processor("sapphirerapids", X86, ("SPRPort00", "SPRPort05"))
ZEN3 = Processor("znver3", X86, ("Zn3FP0", "Zn3FP1"))
NEOVERSE_N1 = Processor("neoverse-n1", ARM, ("N1UnitV0", "N1UnitV1"))
NEOVERSE_V1 = Processor("neoverse-v1", ARM, ("V1UnitV0", "V1UnitV1", "V1UnitV2", "V1UnitV3"))
PROCESSORS = [HASWELL, SKYLAKE_X, SAPPHIRE_RAPIDS, ZEN3, NEOVERSE_N1, NEOVERSE_V1]
# Sapphire Rapids has the same two 512-bit units and more of everything else, so Skylake-X's model is a lower bound for it.
SAPPHIRE_RAPIDS_AS_SKYLAKE_X = Processor("sapphirerapids", X86, ("SKXPort0", "SKXPort5"), model="skylake-avx512")
ONE_PIPE = "LLVM 22's model of Sapphire Rapids starts 512-bit multiply-adds on port 0 only; the processor has a second unit on port 5"


def weights(*shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32), "w")


# Node, shape of the input, weights, options of the compiler. --exact turns Winograd off.
CASES = {
    "matmul": (helper.make_node("MatMul", ["x", "w"], ["y"]), [256, 512], weights(512, 256), {}),
    "conv1x1": (helper.make_node("Conv", ["x", "w"], ["y"]), [1, 128, 28, 28], weights(128, 128, 1, 1), {}),
    "conv3x3": (helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4), [1, 64, 56, 56], weights(64, 64, 3, 3), {"exact": True}),
    "winograd": (helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4), [1, 64, 56, 56], weights(64, 64, 3, 3), {}),
}
# Panels of half a vector where vectors have 64 bytes: two steps of k are side by side.
NARROW = {
    "conv8": (helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 19] * 2), [1, 8, 56, 64], weights(8, 8, 3, 39), {}),
    "matmul8": (helper.make_node("MatMul", ["x", "w"], ["y"]), [256, 512], weights(512, 8), {}),
    "matmul4": (helper.make_node("MatMul", ["x", "w"], ["y"]), [256, 512], weights(512, 4), {}),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """compiled(case, processor): the path of the library."""
    folder, known = tmp_path_factory.mktemp("libraries"), {}

    def compile_once(case: str, processor: Processor) -> str:
        key = f"{case}-{processor.cpu}"
        if key not in known:
            node, shape, constant, options = (CASES | NARROW)[case]
            graph = helper.make_graph([node], case, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                      [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [constant])
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
            known[key] = tenon.compile(model, folder / f"{key}.so", target=processor.triple, cpu=processor.cpu, **options)
        return known[key]

    return compile_once


def multiply_adds(loop: Loop) -> int:
    return sum(bool(MULTIPLY_ADD.match(instruction)) for instruction in loop.instructions)


def microkernel(found: list[Loop]) -> Loop:
    """The loop with the most multiply-adds among those that store nothing but what they spill: accumulators are stored
    after it, while Winograd's transforms store what they compute."""
    stores_elsewhere = [bool([text for text in loop.instructions if STORE.match(text) and text not in loop.stack_accesses()]) for loop in found]
    candidates = [loop for loop, stores in zip(found, stores_elsewhere) if not stores]
    assert any(map(multiply_adds, candidates)), "no loop multiplies and adds without storing"
    return max(candidates, key=multiply_adds)


@dataclasses.dataclass(frozen=True)
class Throughput:
    """What llvm-mca says about one iteration of a loop."""

    bound: float  # cycles, from the resources alone
    cycles: float  # simulated
    pressure: dict[str, float]  # cycles that each resource is busy


def analyse(loop: Loop, processor: Processor) -> Throughput:
    """Comments, names of branch targets and the tabs of the disassembly are left out."""
    comment = r"\s+(//|<).*" if processor.triple == ARM else r"\s+(#|<).*"
    text = "\n".join(re.sub(r"\s+", " ", re.sub(comment, "", instruction)) for instruction in loop.instructions)
    command = ["llvm-mca-22", f"-mtriple={processor.triple}", f"-mcpu={processor.model or processor.cpu}", f"-iterations={ITERATIONS}", "-json"]
    done = subprocess.run(command, input=text + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    report = json.loads(done.stdout)
    region = report["CodeRegions"][0]
    assert len(region["Instructions"]) == len(loop.instructions)
    names, pressure = report["TargetInfo"]["Resources"], {}
    for entry in region["ResourcePressureView"]["ResourcePressureInfo"]:
        # The entry behind the last instruction is the sum.
        if entry["InstructionIndex"] == len(loop.instructions):
            pressure[names[entry["ResourceIndex"]]] = entry["ResourceUsage"]
    summary = region["SummaryView"]
    return Throughput(summary["BlockRThroughput"], summary["TotalCycles"] / summary["Iterations"], pressure)


def shortfalls(loop: Loop, processor: Processor) -> list[str]:
    """What keeps the pipes from starting a multiply-add in every cycle; nothing if they do."""
    found, ideal = analyse(loop, processor), multiply_adds(loop) / len(processor.pipes)
    problems = []
    if found.bound > BOUND_TOLERANCE * ideal:
        problems.append(f"throughput: {found.bound:.2f} cycles, the pipes need {ideal:.2f}")
    if found.cycles > SIMULATION_TOLERANCE * ideal:
        problems.append(f"simulated: {found.cycles:.2f} cycles, the pipes need {ideal:.2f}")
    idle = [pipe for pipe in processor.pipes if found.pressure.get(pipe, 0) * SIMULATION_TOLERANCE < found.cycles]
    if idle:
        problems.append(f"not always busy: {', '.join(idle)}")
    return problems + busier_than_pipes(found, processor, ideal)


def busier_than_pipes(found: Throughput, processor: Processor, ideal: float) -> list[str]:
    return [f"{name} is busy for {cycles:.2f} cycles, the pipes for {ideal:.2f}" for name, cycles in found.pressure.items()
            if name not in processor.pipes and cycles > ideal]


def described(problems: list[str], loop: Loop) -> str:
    return "\n".join([*problems, f"{loop.function}, {multiply_adds(loop)} multiply-adds:", *(f"  {text}" for text in loop.instructions)])


@pytest.mark.parametrize("processor", PROCESSORS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_spilled(compiled, case, processor):
    loop = microkernel(loops(compiled(case, processor)))
    assert not loop.stack_accesses(), described(loop.stack_accesses(), loop)


@pytest.mark.parametrize("processor", PROCESSORS, ids=str)
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_busier_than_the_pipes(compiled, case, processor):
    """Loads above all; for the pipes that the processor has, whatever LLVM's model gives them."""
    loop = microkernel(loops(compiled(case, processor)))
    problems = busier_than_pipes(analyse(loop, processor), processor, multiply_adds(loop) / len(processor.pipes))
    assert not problems, described(problems, loop)


@pytest.mark.parametrize("processor", [
    *(pytest.param(processor, marks=pytest.mark.xfail(reason=ONE_PIPE)) if processor is SAPPHIRE_RAPIDS else processor for processor in PROCESSORS),
    SAPPHIRE_RAPIDS_AS_SKYLAKE_X], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_the_pipes_are_the_limit(compiled, case, processor):
    loop = microkernel(loops(compiled(case, processor)))
    problems = shortfalls(loop, processor)
    assert not problems, described(problems, loop)


@pytest.mark.parametrize("processor", [SKYLAKE_X, SAPPHIRE_RAPIDS_AS_SKYLAKE_X], ids=str)
@pytest.mark.parametrize("case", NARROW)
def test_narrow_panels_fill_vectors(compiled, case, processor):
    """Each multiply-add has a load of its factors, and a step of the tile one more: 15 for 14."""
    loop = microkernel(loops(compiled(case, processor)))
    vectors = [text for text in loop.instructions if MULTIPLY_ADD.match(text) and "zmm" in text]
    assert not loop.stack_accesses() and len(vectors) == multiply_adds(loop), described([], loop)
    assert analyse(loop, processor).bound <= 1.08 * multiply_adds(loop) / len(processor.pipes), described([], loop)


@pytest.mark.parametrize("processor", PROCESSORS, ids=str)
def test_winograd_is_what_is_measured(compiled, processor):
    """Its filters take 36 elements where the direct sum has 9."""
    assert os.path.getsize(compiled("winograd", processor)) > 2 * os.path.getsize(compiled("conv3x3", processor))


def loop_of(*instructions: str) -> Loop:
    return Loop("hand_written", instructions, has_frame_pointer=False)


def test_a_spill_is_seen():
    accumulate = ["vfmadd231ps %ymm1, %ymm2, %ymm0"] * 4
    assert loop_of(*accumulate, "vmovups 0x20(%rsp), %ymm3").stack_accesses() == ["vmovups 0x20(%rsp), %ymm3"]
    assert loop_of("str q0, [sp, #0x10]", "ldr q1, [x29, #0x10]").stack_accesses() == ["str q0, [sp, #0x10]"]
    assert not loop_of(*accumulate, "vmovups 0x20(%rbp), %ymm3").stack_accesses()


def test_a_loop_limited_by_loads_is_seen():
    loads = [f"vmovups {32 * i}(%rax), %ymm{8 + i}" for i in range(6)]
    problems = shortfalls(loop_of(*(f"vfmadd231ps %ymm8, %ymm9, %ymm{i}" for i in range(4)), *loads), HASWELL)
    assert any(problem.startswith("throughput") for problem in problems) and any("HWPort2" in problem for problem in problems)


def test_a_loop_limited_by_latency_is_seen():
    problems = shortfalls(loop_of(*["vfmadd231ps %ymm8, %ymm9, %ymm0"] * 4), HASWELL)
    assert [problem.partition(":")[0] for problem in problems] == ["simulated", "not always busy"]


def test_the_transforms_are_not_taken_for_the_product():
    transform = loop_of(*["vfmadd231ps %ymm1, %ymm2, %ymm0"] * 9, "vmovups %ymm0, 0x20(%rax)")
    product = loop_of(*["vfmadd231ps %ymm1, %ymm2, %ymm0"] * 4, "vmovups 0x20(%rax), %ymm1", "cmpq $0x10, (%rax)")
    assert microkernel([transform, product]) is product
