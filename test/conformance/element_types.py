"""Which element types of the standard's operators compile, compared with the list in type_failures.json.

The list holds, for each operator, the version and type variable with the types that do not compile. It is strict in both
directions and written by `run.py --write-types`; docs/onnx-support.md is made from it. Types that are to compile are
compiled many to a model, the others alone; what is not as the list says is then tried alone.
"""

import collections
import json
import os
import pathlib
import tempfile

import onnx
import onnx.compose

import engines
import probes
import tenon
import workers
from cases import Case
from probes import Key

LIST = pathlib.Path(__file__).with_name("type_failures.json")
ONNX = "ai.onnx"
# So that a compilation takes about a second.
PROBES_PER_MODEL = 40


def load_failures(path: pathlib.Path = LIST) -> set[Key]:
    return {Key("" if domain == ONNX else domain, operator, int(version), variable, type_text)
            for name, places in json.loads(path.read_text()).items() for domain, operator in [name.split(" ")]
            for place, types in places.items() for version, variable in [place.split(" ")] for type_text in types}


def write_failures(failures: set[Key], path: pathlib.Path = LIST) -> None:
    """A line for each operator."""
    table: dict[str, dict[str, list[str]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for key in sorted(failures, key=lambda key: (key.domain, key.operator, key.version, key.variable, key.type)):
        table[f"{key.domain or ONNX} {key.operator}"][f"{key.version} {key.variable}"].append(key.type)
    path.write_text("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(places)}" for name, places in table.items()) + "\n}\n")


def chosen(keys: list[Key], everything: bool) -> list[Key]:
    """All of them, or those of the newest version of each operator."""
    return [key for key in keys if everything or key.version == max(probes.schemas_of(key.domain, key.operator))]


def try_types(cases: list[Case], keys: list[Key], failures: set[Key], processes: int) -> tuple[dict[Key, bool], list[str]]:
    """Whether each type compiles, without those of which no probe can be made; and a line for each that crashes the compiler."""
    templates = probes.load_templates(cases)
    models = {key: list(probes.models(key, templates.get((key.domain, key.operator), []))) for key in keys}
    probed = [key for key in keys if models[key]]
    shared = [key for key in probed if key not in failures]
    batches = _batches(shared, models)
    outcome: dict[Key, bool] = {}
    for result in workers.run_cases([str(number) for number in range(len(batches))],
                                    lambda index, stage: _compile(_joined([models[key][0] for key in batches[index]]), stage), processes):
        outcome |= {key: True for key in batches[int(result.name)] if result.passed}
    alone, crashes = [key for key in probed if key not in outcome], []
    names = {str(key): key for key in alone}
    for result in workers.run_cases(list(names), lambda index, stage: _compile_any(models[alone[index]], stage), processes):
        outcome[names[result.name]] = result.passed
        if result.kind in ("crash", "hang", "internal"):
            crashes.append(f"{result.name}: {result.stage} {result.kind}: {' '.join(result.message.split())[:300]}")
    return outcome, crashes


def _batches(keys: list[Key], models: dict[Key, list[onnx.ModelProto]]) -> list[list[Key]]:
    """Keys whose models import the same operator sets, in groups of a size."""
    groups = collections.defaultdict(list)
    for key in keys:
        groups[tuple(sorted((entry.domain, entry.version) for entry in models[key][0].opset_import))].append(key)
    return [group[at:at + PROBES_PER_MODEL] for group in groups.values() for at in range(0, len(group), PROBES_PER_MODEL)]


def _joined(models: list[onnx.ModelProto]) -> onnx.ModelProto:
    joined = onnx.ModelProto(ir_version=max(model.ir_version for model in models), opset_import=models[0].opset_import)
    joined.graph.name = "probes"
    for number, model in enumerate(models):
        graph = onnx.compose.add_prefix(model, f"{number} ").graph
        for field in ("node", "input", "output", "initializer"):
            getattr(joined.graph, field).extend(getattr(graph, field))
    return joined


def _compile(model: onnx.ModelProto, enter_stage: engines.Stage) -> None:
    enter_stage("compile")
    with tempfile.TemporaryDirectory(prefix="tenon-types-") as folder:
        try:
            tenon.compile(model, os.path.join(folder, "model.o"), emit="obj", threads=1)
        except tenon.CompileError as error:
            raise workers.Failure(engines.compile_failure_kind(error), str(error)) from None


def _compile_any(models: list[onnx.ModelProto], enter_stage: engines.Stage) -> None:
    """One of them is enough, but none may crash the compiler."""
    failure = None
    for model in models:
        try:
            return _compile(model, enter_stage)
        except workers.Failure as refused:
            if refused.kind != "diagnostic":
                raise
            failure = failure or refused
    raise failure


def compare(outcome: dict[Key, bool], failures: set[Key], keys: list[Key]) -> list[str]:
    """A line for each operator of `keys` whose types are not as the list says."""
    wrong = collections.defaultdict(list)
    for key, compiles in outcome.items():
        if compiles and key in failures:
            wrong[key.domain, key.operator].append(f"{key.version} {key.variable}: {key.type} compiles")
        elif not compiles and key not in failures:
            wrong[key.domain, key.operator].append(f"{key.version} {key.variable}: {key.type} does not compile")
    for key in failures.intersection(keys) - set(outcome):
        wrong[key.domain, key.operator].append(f"{key.version} {key.variable}: {key.type} cannot be tried")
    return [f"types of {domain or 'ai.onnx'} {operator}: {', '.join(lines[:5])}{' ...' if len(lines) > 5 else ''} "
            f"(type_failures.json says otherwise; run.py --write-types writes it)" for (domain, operator), lines in sorted(wrong.items())]
