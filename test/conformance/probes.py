"""Tiny models that show which element types an operator takes: one for each operator, version, type variable and type.

A probe starts from a test of the suite whose model is one node of the operator, or from a text in templates.txt where
there is none. The node is put into the form that the version's schema wants (inputs become the attributes of the same
name, later inputs, outputs and attributes go), and one type variable of the schema gets another of its types. ONNX's own
shape inference says which types results then have, and whether the combination is one at all.
"""

import collections
import dataclasses
import itertools
import pathlib
from collections.abc import Iterator

import numpy
import onnx
import onnx.numpy_helper
import onnx.parser
import onnx.shape_inference
from onnx import AttributeProto, TypeProto, helper
from onnx.defs import OpSchema

import cases as suite

TEMPLATES = pathlib.Path(__file__).with_name("templates.txt")
# Tests that a probe is made from, at most, and how many of them have inputs of the same types.
TESTS_PER_OPERATOR = 4
TESTS_OF_SAME_TYPES = 1

# The attribute that decides a type variable which no input has.
DECIDED_BY = {
    ("Bernoulli", "T2"): "dtype", ("BlackmanWindow", "T2"): "output_datatype", ("Cast", "T2"): "to", ("EyeLike", "T2"): "dtype",
    ("HammingWindow", "T2"): "output_datatype", ("HannWindow", "T2"): "output_datatype", ("LayerNormalization", "U"): "stash_type",
    ("MelWeightMatrix", "T3"): "output_datatype", ("Multinomial", "T2"): "dtype", ("RandomNormal", "T"): "dtype",
    ("RandomNormalLike", "T2"): "dtype", ("RandomUniform", "T"): "dtype", ("RandomUniformLike", "T2"): "dtype",
    ("QuantizeLinear", "T3"): "output_dtype", ("DequantizeLinear", "T3"): "output_dtype", ("SequenceEmpty", "S"): "dtype",
    ("Constant", "T"): "value", ("ConstantOfShape", "T2"): "value", ("DynamicQuantizeLinear", "T2"): "output_dtype",
}
ELEMENT_TYPES = {name.lower(): number for name, number in onnx.TensorProto.DataType.items() if number}


@dataclasses.dataclass(frozen=True)
class Key:
    """An operator's version, one of its type variables, and a type of that."""

    domain: str
    operator: str
    version: int
    variable: str
    type: str

    def __str__(self) -> str:
        return f"{self.domain or 'ai.onnx'} {self.operator} {self.version} {self.variable}: {self.type}"


@dataclasses.dataclass
class Template:
    """A model of one node, and its inputs where they are known."""

    model: onnx.ModelProto
    arrays: dict[str, numpy.ndarray]
    is_test: bool = False

    @property
    def node(self) -> onnx.NodeProto:
        return self.model.graph.node[0]


def schemas() -> dict[tuple[str, str], dict[int, OpSchema]]:
    """Every version of every operator, deprecated ones left out: (domain, operator) -> version -> schema."""
    result: dict[tuple[str, str], dict[int, OpSchema]] = collections.defaultdict(dict)
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.deprecated:
            result[schema.domain, schema.name][schema.since_version] = schema
    return {key: dict(sorted(versions.items())) for key, versions in sorted(result.items())}


def keys() -> list[Key]:
    return [Key(domain, operator, version, constraint.type_param_str, type_text)
            for (domain, operator), versions in schemas().items() for version, schema in versions.items()
            for constraint in schema.type_constraints for type_text in sorted(constraint.allowed_type_strs)]


def load_templates(cases: list[suite.Case]) -> dict[tuple[str, str], list[Template]]:
    """Templates of each operator, those with few inputs first and few with the same types."""
    found: dict[tuple[str, str], dict[tuple, Template]] = collections.defaultdict(dict)
    for case in sorted(cases, key=lambda case: case.name):
        if case.kind not in ("node", "pytorch-operator"):
            continue
        model = case.model() if not isinstance(case.model(), str) else onnx.load(case.model())
        if len(model.graph.node) != 1 or model.functions:
            continue
        node = model.graph.node[0]
        arrays = {value.name: array for value, array in zip(model.graph.input, case.data_sets()[0].inputs) if isinstance(array, (numpy.ndarray, numpy.generic))}
        types = {value.name: _leaf(value.type) for value in model.graph.input}
        signature = tuple(types.get(name, -1) for name in node.input), len(node.output)
        same = sum(other[:2] == signature for other in found[node.domain, node.op_type])
        if same < TESTS_OF_SAME_TYPES:
            found[node.domain, node.op_type][*signature, same] = Template(model, arrays, is_test=True)
    for text in filter(str.strip, TEMPLATES.read_text().split("\n\n")):
        model = onnx.parser.parse_model(text)
        node = model.graph.node[0]
        arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        found[node.domain, node.op_type][(text,)] = Template(model, arrays, is_test=False)
    return {key: sorted(templates.values(), key=lambda template: len(template.node.input)) for key, templates in found.items()}


def models(key: Key, templates: list[Template]) -> Iterator[onnx.ModelProto]:
    """Different models that use the type, the likeliest first. None: the probe cannot be made."""
    versions = schemas_of(key.domain, key.operator)
    schema = versions[key.version]
    latest = versions[max(versions)]
    adapted = [template for original in templates if (template := _adapt(original, schema, latest))]
    adapted.sort(key=lambda template: (_container(_types_of(template, schema).get(key.variable, "")) != _container(key.type), template.is_test))
    native = [template for template in adapted if _types_of(template, schema).get(key.variable) == key.type]
    likeliest = itertools.chain(itertools.product(native, (False,)), itertools.product(adapted[:TESTS_PER_OPERATOR], (False, True)))
    seen = set()
    for template, everywhere in likeliest:
        model = _with_type(template, schema, key, everywhere)
        if model is not None and (data := model.SerializeToString(deterministic=True)) not in seen:
            seen.add(data)
            yield model


def schemas_of(domain: str, operator: str) -> dict[int, OpSchema]:
    return _SCHEMAS[domain, operator]


_SCHEMAS = schemas()


# One node in the form of another version


def _formal(schema_parameters: list, place: int):
    """The formal input or output of an actual one; the last may be variadic. None: there is none."""
    if place < len(schema_parameters):
        return schema_parameters[place]
    variadic = OpSchema.FormalParameterOption.Variadic
    return schema_parameters[-1] if schema_parameters and schema_parameters[-1].option == variadic else None


def _adapt(template: Template, schema: OpSchema, latest: OpSchema) -> Template | None:
    model = onnx.ModelProto()
    model.CopyFrom(template.model)
    _set_opset(model, schema.domain, schema.since_version)
    node = model.graph.node[0]
    attributes = [attribute for attribute in node.attribute if attribute.name in schema.attributes]
    if any(not _has_kind(attribute, schema.attributes[attribute.name].type) for attribute in attributes):
        return None
    inputs: list[str] = []
    formals = [_formal(latest.inputs, place) for place in range(len(node.input))]
    for place, name in enumerate(node.input):
        formal = formals[place]
        if formal is None:
            continue
        at = next((i for i, other in enumerate(schema.inputs) if other.name == formal.name), None)
        if formal.name in schema.attributes and at is None and name:
            if name not in template.arrays:
                return None
            attributes.append(_attribute(formal.name, schema.attributes[formal.name].type, template.arrays[name]))
        elif at is not None and place < len(latest.inputs) and at >= len(inputs):
            inputs += [""] * (at - len(inputs)) + [name]
        elif (here := _formal(schema.inputs, len(inputs))) and (at is not None or here.name not in {later.name for later in formals[place + 1:] if later}):
            # Under another name, unless the place belongs to an input that follows.
            inputs.append(name)
    while inputs and not inputs[-1]:
        inputs.pop()
    del node.attribute[:], node.input[:]
    node.attribute.extend(attributes)
    node.input.extend(inputs)
    del node.output[len(schema.outputs) if _formal(schema.outputs, len(node.output) - 1) is None else len(node.output):]
    _keep(model.graph.input, set(inputs))
    _keep(model.graph.initializer, set(inputs))
    _keep(model.graph.output, set(node.output))
    if not schema.min_input <= len(inputs) <= schema.max_input:
        return None
    if any(attribute.required and name not in {given.name for given in attributes} for name, attribute in schema.attributes.items()):
        return None
    return Template(model, template.arrays, template.is_test)


def _has_kind(attribute: AttributeProto, kind) -> bool:
    """Whether an attribute is of the kind; an integer where a number is asked for becomes one."""
    if attribute.type == AttributeProto.INT and kind == OpSchema.AttrType.FLOAT:
        attribute.CopyFrom(helper.make_attribute(attribute.name, float(attribute.i)))
    return attribute.type == AttributeProto.AttributeType.Value(kind.name)


def _keep(values, names: set[str]) -> None:
    kept = [value for value in values if value.name in names]
    del values[:]
    values.extend(kept)


def _set_opset(model: onnx.ModelProto, domain: str, version: int) -> None:
    for entry in model.opset_import:
        if entry.domain in (domain, "ai.onnx" if domain == "" else domain):
            entry.version = version
            return
    model.opset_import.append(helper.make_opsetid(domain, version))


def _attribute(name: str, kind, array: numpy.ndarray) -> AttributeProto:
    values = numpy.asarray(array)
    scalar = kind in (OpSchema.AttrType.INT, OpSchema.AttrType.FLOAT)
    number = float if kind in (OpSchema.AttrType.FLOAT, OpSchema.AttrType.FLOATS) else int
    attribute = helper.make_attribute(name, number(values.reshape(-1)[0]) if scalar else [number(value) for value in values.reshape(-1)],
                                      attr_type=AttributeProto.AttributeType.Value(kind.name))
    return attribute


# Another type


def _leaf(type_proto: TypeProto) -> int:
    """The element type, also of sequences and optionals; 0: a map."""
    kind = type_proto.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        return _leaf(getattr(type_proto, kind).elem_type)
    return getattr(type_proto, kind).elem_type if kind in ("tensor_type", "sparse_tensor_type") else 0


def _container(text: str) -> str:
    """A type without its element: seq(tensor."""
    return text.rpartition("(")[0]


def type_text(type_proto: TypeProto) -> str:
    """As schemas write it: seq(tensor(float))."""
    kind = type_proto.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        return f"{'seq' if kind == 'sequence_type' else 'optional'}({type_text(getattr(type_proto, kind).elem_type)})"
    if kind in ("tensor_type", "sparse_tensor_type"):
        return f"tensor({onnx.TensorProto.DataType.Name(_leaf(type_proto)).lower()})"
    return "map"


def _parsed_type(text: str, shape: onnx.TensorShapeProto | None) -> TypeProto | None:
    """None for maps and sparse tensors."""
    outer, _, rest = text.partition("(")
    inner = rest.removesuffix(")")
    if outer == "tensor":
        made = helper.make_tensor_type_proto(ELEMENT_TYPES[inner], None)
        if shape is not None:
            made.tensor_type.shape.CopyFrom(shape)
        return made
    element = _parsed_type(inner, shape) if outer in ("seq", "optional") else None
    if element is None:
        return None
    return helper.make_sequence_type_proto(element) if outer == "seq" else helper.make_optional_type_proto(element)


def _shape(type_proto: TypeProto) -> onnx.TensorShapeProto | None:
    kind = type_proto.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        return _shape(getattr(type_proto, kind).elem_type)
    return type_proto.tensor_type.shape if kind == "tensor_type" and type_proto.tensor_type.HasField("shape") else None


def _types_of(template: Template, schema: OpSchema) -> dict[str, str]:
    """The type of each type variable in the template."""
    types = {value.name: type_text(value.type) for value in [*template.model.graph.input, *template.model.graph.output]}
    types |= {name: f"tensor({onnx.TensorProto.DataType.Name(helper.np_dtype_to_tensor_dtype(numpy.asarray(array).dtype)).lower()})"
              for name, array in template.arrays.items() if name not in types}
    result = {}
    for names, parameters in ((template.node.output, schema.outputs), (template.node.input, schema.inputs)):
        for place, name in enumerate(names):
            formal = _formal(parameters, place)
            if name and formal is not None and name in types:
                result[formal.type_str] = types[name]
    return result


def _with_type(template: Template, schema: OpSchema, key: Key, everywhere: bool) -> onnx.ModelProto | None:
    """The model with the variable's type; `everywhere`: also where else the template has the variable's type. None: not a valid model."""
    model = onnx.ModelProto()
    model.CopyFrom(template.model)
    node = model.graph.node[0]
    wanted = _parsed_type(key.type, None)
    if wanted is None:
        return None
    before = _types_of(template, schema).get(key.variable)
    chosen = {name for place, name in enumerate(node.input) if name and (formal := _formal(schema.inputs, place)) and formal.type_str == key.variable}
    decided = DECIDED_BY.get((key.operator, key.variable))
    if decided in schema.attributes and not chosen:
        _decide(node, decided, schema.attributes[decided].type, _leaf(wanted))
    elif not chosen and before != key.type:
        return None
    old_leaf = before.rsplit("(", 1)[-1].rstrip(")") if before else ""
    initializers = {}
    for value in list(model.graph.input):
        leaf = onnx.TensorProto.DataType.Name(_leaf(value.type)).lower()
        if value.name in chosen:
            value.type.CopyFrom(_parsed_type(key.type, _shape(value.type)))
        elif everywhere and leaf == old_leaf:
            _set_leaf(value.type, _leaf(wanted))
        array = template.arrays.get(value.name)
        if array is not None and _decides_shapes(array) and _leaf(value.type) in (onnx.TensorProto.INT32, onnx.TensorProto.INT64):
            initializers[value.name] = _converted(array, _leaf(value.type), value.name)
    if everywhere and any(attribute.HasField("g") for attribute in node.attribute):
        for attribute in node.attribute:
            _set_types(attribute.g, ELEMENT_TYPES[old_leaf], _leaf(wanted))
    _keep(model.graph.input, {value.name for value in model.graph.input} - set(initializers))
    _keep(model.graph.initializer, {tensor.name for tensor in model.graph.initializer} - set(initializers))
    model.graph.initializer.extend(initializers.values())
    declared = {value.name: value.type for value in template.model.graph.output}
    for place, name in enumerate(node.output):
        formal = _formal(schema.outputs, place)
        if formal is not None and formal.type_str == key.variable:
            declared[name] = wanted
    return _with_inferred_outputs(model, declared, template.model)


def _decides_shapes(array: numpy.ndarray) -> bool:
    """A list of axes, extents and the like: a constant in a probe, as in most models."""
    array = numpy.asarray(array)
    return array.ndim <= 1 and array.size <= 16 and array.dtype.kind in "iu"


def _converted(array: numpy.ndarray, data_type: int, name: str) -> onnx.TensorProto:
    if data_type == onnx.TensorProto.STRING:
        return onnx.numpy_helper.from_array(numpy.asarray(array).astype(str).astype(object), name)
    return onnx.numpy_helper.from_array(numpy.asarray(array).astype(helper.tensor_dtype_to_np_dtype(data_type)), name)


def _decide(node: onnx.NodeProto, name: str, kind, data_type: int) -> None:
    kept = [attribute for attribute in node.attribute if attribute.name != name and not (node.op_type == "Constant")]
    del node.attribute[:]
    node.attribute.extend(kept)
    if name == "value":
        node.attribute.append(helper.make_attribute(name, _converted(numpy.ones(1), data_type, "")))
    elif kind == OpSchema.AttrType.STRING:
        node.attribute.append(helper.make_attribute(name, onnx.TensorProto.DataType.Name(data_type)))
    else:
        node.attribute.append(helper.make_attribute(name, data_type))


def _set_leaf(type_proto: TypeProto, data_type: int) -> None:
    kind = type_proto.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        _set_leaf(getattr(type_proto, kind).elem_type, data_type)
    elif kind == "tensor_type":
        type_proto.tensor_type.elem_type = data_type


def _set_types(graph: onnx.GraphProto, old: int, new: int) -> None:
    """In a subgraph: types of its values, and constants."""
    for value in [*graph.input, *graph.output, *graph.value_info]:
        if _leaf(value.type) == old:
            _set_leaf(value.type, new)
    for tensor in [*graph.initializer, *(attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t"))]:
        if tensor.data_type == old:
            tensor.CopyFrom(_converted(onnx.numpy_helper.to_array(tensor), new, tensor.name))


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto | None:
    try:
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError:
        return None


def _with_inferred_outputs(model: onnx.ModelProto, declared: dict[str, TypeProto], template: onnx.ModelProto) -> onnx.ModelProto | None:
    """Outputs with the types that ONNX infers, where it does, and else with those declared; None: the model is not valid."""
    outputs = [value.name for value in model.graph.output]
    del model.graph.output[:]
    del model.graph.value_info[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    inferred = _inferred(model)
    if inferred is None:
        if _inferred(template) is not None:
            return None
        inferred = model  # ONNX cannot judge any model of this operator.
    for value in inferred.graph.output:
        if value.type.WhichOneof("value") is None:
            value.type.CopyFrom(declared[value.name])
    return inferred
