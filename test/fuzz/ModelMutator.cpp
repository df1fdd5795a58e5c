//===- ModelMutator.cpp - small changes to ONNX models -------------------------------------===//
//
// See ModelMutator.h. Fields are found by reflection, so a new version of ONNX's messages needs nothing here.
//
//===---------------------------------------------------------------------------------------===//

#include "test/fuzz/ModelMutator.h"

#include "onnx/defs/schema.h"

#include <array>
#include <cmath>
#include <limits>

namespace tenon::fuzz {

using google::protobuf::Descriptor;
using google::protobuf::Reflection;

/// Messages that one change looks at; larger models are not worth their time.
static constexpr size_t mostMessages = 20000;

static const std::vector<onnx::OpSchema> &schemas() {
  static const std::vector<onnx::OpSchema> all = onnx::OpSchemaRegistry::get_all_schemas();
  return all;
}

void ModelMutator::collect(Message &message, std::vector<Message *> &found) {
  if (found.size() >= mostMessages)
    return;
  found.push_back(&message);
  const Reflection &reflection = *message.GetReflection();
  std::vector<const Field *> fields;
  reflection.ListFields(message, &fields);
  for (const Field *field : fields) {
    if (field->cpp_type() != Field::CPPTYPE_MESSAGE)
      continue;
    if (!field->is_repeated()) {
      collect(*reflection.MutableMessage(&message, field), found);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i)
      collect(*reflection.MutableRepeatedMessage(&message, field, i), found);
  }
}

int64_t ModelMutator::integer(int64_t old) {
  static constexpr std::array<int64_t, 22> interesting = {0,
                                                          1,
                                                          -1,
                                                          2,
                                                          3,
                                                          4,
                                                          7,
                                                          8,
                                                          16,
                                                          -2,
                                                          127,
                                                          1 << 20,
                                                          INT32_MAX,
                                                          INT32_MIN,
                                                          INT64_MAX,
                                                          INT64_MIN,
                                                          int64_t(1) << 32,
                                                          int64_t(1) << 40,
                                                          int64_t(1) << 62,
                                                          -100,
                                                          1000,
                                                          65536};
  switch (below(4)) {
  case 0:
    return pick(interesting);
  case 1:
    return static_cast<int64_t>(static_cast<uint64_t>(old) + (chance(50) ? 1 : -1));
  case 2:
    return static_cast<int64_t>(static_cast<uint64_t>(old) ^ (uint64_t(1) << below(64)));
  default:
    return static_cast<int64_t>(below(10)) - 2;
  }
}

double ModelMutator::real() {
  static const std::array<double, 12> interesting = {0.0,  -0.0,  1.0,   -1.0,   0.5,      2.0,
                                                     1e30, 1e-30, 1e300, -1e300, INFINITY, std::nan("")};
  return pick(interesting);
}

/// A name of the model, of an operator, or no name.
std::string ModelMutator::name(const onnx::ModelProto &model, const std::string &old) {
  const onnx::GraphProto &graph = model.graph();
  switch (below(6)) {
  case 0:
    return "";
  case 1:
    return graph.node_size() ? graph.node(static_cast<int>(below(graph.node_size()))).name() : old;
  case 2:
    if (graph.node_size()) {
      const onnx::NodeProto &node = graph.node(static_cast<int>(below(graph.node_size())));
      return node.output_size() ? node.output(0) : old;
    }
    return old;
  case 3:
    return graph.input_size() ? graph.input(static_cast<int>(below(graph.input_size()))).name() : old;
  case 4:
    return pick(schemas()).Name();
  default:
    return old.substr(0, old.size() / 2) + std::string(1, static_cast<char>(below(256)));
  }
}

void ModelMutator::setScalar(onnx::ModelProto &model, Message &message, const Field *field, int index) {
  const Reflection &reflection = *message.GetReflection();
  bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
  case Field::CPPTYPE_INT32: {
    auto value = static_cast<int32_t>(
        integer(repeated ? reflection.GetRepeatedInt32(message, field, index) : reflection.GetInt32(message, field)));
    repeated ? reflection.SetRepeatedInt32(&message, field, index, value) : reflection.SetInt32(&message, field, value);
    break;
  }
  case Field::CPPTYPE_INT64: {
    int64_t value =
        integer(repeated ? reflection.GetRepeatedInt64(message, field, index) : reflection.GetInt64(message, field));
    repeated ? reflection.SetRepeatedInt64(&message, field, index, value) : reflection.SetInt64(&message, field, value);
    break;
  }
  case Field::CPPTYPE_UINT64: {
    auto value = static_cast<uint64_t>(integer(1));
    repeated ? reflection.SetRepeatedUInt64(&message, field, index, value)
             : reflection.SetUInt64(&message, field, value);
    break;
  }
  case Field::CPPTYPE_FLOAT: {
    auto value = static_cast<float>(real());
    repeated ? reflection.SetRepeatedFloat(&message, field, index, value) : reflection.SetFloat(&message, field, value);
    break;
  }
  case Field::CPPTYPE_DOUBLE:
    repeated ? reflection.SetRepeatedDouble(&message, field, index, real())
             : reflection.SetDouble(&message, field, real());
    break;
  case Field::CPPTYPE_ENUM: {
    // Values that the enumeration does not have are for the parser: it keeps them apart.
    const auto *value = field->enum_type()->value(static_cast<int>(below(field->enum_type()->value_count())));
    repeated ? reflection.SetRepeatedEnum(&message, field, index, value) : reflection.SetEnum(&message, field, value);
    break;
  }
  case Field::CPPTYPE_STRING: {
    std::string value = name(model, repeated ? reflection.GetRepeatedString(message, field, index)
                                             : reflection.GetString(message, field));
    repeated ? reflection.SetRepeatedString(&message, field, index, value)
             : reflection.SetString(&message, field, value);
    break;
  }
  default:
    break;
  }
}

void ModelMutator::changeRepeated(onnx::ModelProto &model, Message &message, const Field *field) {
  const Reflection &reflection = *message.GetReflection();
  int size = reflection.FieldSize(message, field);
  int index = static_cast<int>(below(static_cast<size_t>(size)));
  switch (below(4)) {
  case 0:
    reflection.SwapElements(&message, field, index, size - 1);
    reflection.RemoveLast(&message, field);
    return;
  case 1:
    reflection.SwapElements(&message, field, index, static_cast<int>(below(static_cast<size_t>(size))));
    return;
  case 2:
    // One more: a copy of another, or an empty one.
    if (size > 4096)
      return;
    if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      Message *added = reflection.AddMessage(&message, field);
      if (chance(80))
        added->CopyFrom(reflection.GetRepeatedMessage(message, field, index));
    } else if (field->cpp_type() == Field::CPPTYPE_INT64) {
      reflection.AddInt64(&message, field, integer(1));
    } else if (field->cpp_type() == Field::CPPTYPE_STRING) {
      reflection.AddString(&message, field,
                           chance(50) ? reflection.GetRepeatedString(message, field, index) : name(model, ""));
    }
    return;
  default:
    setScalar(model, message, field, index);
  }
}

void ModelMutator::changeField(onnx::ModelProto &model) {
  std::vector<Message *> messages;
  collect(model, messages);
  Message &message = *pick(messages);
  const Descriptor &descriptor = *message.GetDescriptor();
  const Reflection &reflection = *message.GetReflection();
  const Field *field = descriptor.field(static_cast<int>(below(descriptor.field_count())));
  std::vector<const Field *> present;
  reflection.ListFields(message, &present);
  if (!present.empty() && chance(85))
    field = pick(present);
  if (field->is_repeated()) {
    if (reflection.FieldSize(message, field))
      changeRepeated(model, message, field);
    else if (field->cpp_type() == Field::CPPTYPE_MESSAGE)
      reflection.AddMessage(&message, field);
    else if (field->cpp_type() == Field::CPPTYPE_INT64)
      reflection.AddInt64(&message, field, integer(1));
  } else if (chance(15)) {
    reflection.ClearField(&message, field);
  } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
    reflection.MutableMessage(&message, field);
  } else {
    setScalar(model, message, field, 0);
  }
}

/// Copies a message of `from` over one of its kind in `model`.
void ModelMutator::copyPart(onnx::ModelProto &model, Message &from) {
  std::vector<Message *> sources, targets, fitting;
  collect(from, sources);
  collect(model, targets);
  Message &source = *pick(sources);
  if (source.ByteSizeLong() > (1u << 16))
    return;
  for (Message *target : targets)
    if (target->GetDescriptor() == source.GetDescriptor())
      fitting.push_back(target);
  if (fitting.empty())
    return;
  // The target may lie in the source.
  std::unique_ptr<Message> copy(source.New());
  copy->CopyFrom(source);
  pick(fitting)->CopyFrom(*copy);
}

void ModelMutator::drawAttributes(onnx::NodeProto &node) {
  const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(node.op_type(), node.domain());
  if (!schema)
    return;
  for (const auto &[attributeName, formal] : schema->attributes()) {
    if (!formal.required && !chance(40))
      continue;
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(attributeName);
    attribute.set_type(formal.type);
    switch (formal.type) {
    case onnx::AttributeProto::INT:
      attribute.set_i(integer(1));
      break;
    case onnx::AttributeProto::FLOAT:
      attribute.set_f(static_cast<float>(real()));
      break;
    case onnx::AttributeProto::INTS:
      for (size_t i = below(5); i > 0; --i)
        attribute.add_ints(integer(1));
      break;
    case onnx::AttributeProto::FLOATS:
      for (size_t i = below(5); i > 0; --i)
        attribute.add_floats(static_cast<float>(real()));
      break;
    default:
      attribute.CopyFrom(formal.default_value);
      attribute.set_name(attributeName);
      attribute.set_type(formal.type);
    }
  }
}

/// A node of a random operator that reads names of the graph.
void ModelMutator::addNode(onnx::GraphProto &graph) {
  const onnx::OpSchema &schema = pick(schemas());
  std::vector<std::string> names;
  for (const onnx::ValueInfoProto &info : graph.input())
    names.push_back(info.name());
  for (const onnx::TensorProto &tensor : graph.initializer())
    names.push_back(tensor.name());
  for (const onnx::NodeProto &node : graph.node())
    names.insert(names.end(), node.output().begin(), node.output().end());
  if (names.empty())
    return;
  onnx::NodeProto node;
  node.set_op_type(schema.Name());
  node.set_domain(schema.domain());
  int inputs = schema.min_input() + static_cast<int>(below(3));
  for (int i = 0; i < std::min({inputs, schema.max_input(), 10}); ++i)
    node.add_input(chance(5) ? "" : pick(names));
  for (int i = 0; i < std::max(schema.min_output(), 1); ++i)
    node.add_output("added_" + std::to_string(below(1000000)));
  drawAttributes(node);
  // What an output names is imported for certain.
  if (graph.output_size() && chance(70))
    graph.mutable_output(static_cast<int>(below(graph.output_size())))->set_name(node.output(0));
  *graph.add_node() = std::move(node);
}

void ModelMutator::changeNode(onnx::ModelProto &model) {
  onnx::GraphProto &graph = *model.mutable_graph();
  if (!graph.node_size() || chance(50))
    return addNode(graph);
  onnx::NodeProto &node = *graph.mutable_node(static_cast<int>(below(graph.node_size())));
  const onnx::OpSchema &schema = pick(schemas());
  switch (below(3)) {
  case 0:
    node.set_op_type(schema.Name());
    node.set_domain(schema.domain());
    return;
  case 1:
    node.clear_attribute();
    return drawAttributes(node);
  default:
    // Another value in the place of an input.
    if (node.input_size()) {
      const onnx::NodeProto &other = graph.node(static_cast<int>(below(graph.node_size())));
      const auto &names = chance(50) ? other.input() : other.output();
      if (!names.empty())
        node.set_input(static_cast<int>(below(node.input_size())), names.Get(static_cast<int>(below(names.size()))));
    }
  }
}

/// Another element type or shape, with as many bytes as it wants, mostly; or other small integers.
void ModelMutator::changeTensor(onnx::ModelProto &model) {
  onnx::GraphProto &graph = *model.mutable_graph();
  if (!graph.initializer_size())
    return;
  onnx::TensorProto &tensor = *graph.mutable_initializer(static_cast<int>(below(graph.initializer_size())));
  if (chance(40))
    tensor.set_data_type(static_cast<int32_t>(below(27)));
  if (chance(40) && tensor.dims_size())
    tensor.set_dims(static_cast<int>(below(tensor.dims_size())),
                    chance(80) ? static_cast<int64_t>(below(6)) : integer(1));
  if (chance(20))
    chance(50) ? tensor.add_dims(static_cast<int64_t>(below(4))) : tensor.mutable_dims()->Clear();
  double bytes =
      tensor.data_type() == onnx::TensorProto::INT64 || tensor.data_type() == onnx::TensorProto::DOUBLE ? 8 : 4;
  for (int64_t extent : tensor.dims())
    bytes *= static_cast<double>(extent);
  if (bytes < 0 || bytes > 4096 || chance(10))
    return;
  for (auto clear : {&onnx::TensorProto::clear_float_data, &onnx::TensorProto::clear_int32_data,
                     &onnx::TensorProto::clear_int64_data, &onnx::TensorProto::clear_double_data,
                     &onnx::TensorProto::clear_uint64_data})
    (tensor.*clear)();
  std::string raw(static_cast<size_t>(bytes), '\0');
  if (chance(60)) {
    size_t step = tensor.data_type() == onnx::TensorProto::INT64 ? 8 : 4;
    for (size_t i = 0; i < raw.size(); i += step)
      raw[i] = static_cast<char>(below(5));
  }
  tensor.set_raw_data(raw);
}

void ModelMutator::changeVersion(onnx::ModelProto &model) {
  if (model.opset_import_size())
    model.mutable_opset_import(static_cast<int>(below(model.opset_import_size())))
        ->set_version(static_cast<int64_t>(1 + below(29)));
}

void ModelMutator::mutate(onnx::ModelProto &model) {
  for (size_t i = 1 + below(4); i > 0; --i) {
    size_t kind = below(100);
    if (kind < 50)
      changeField(model);
    else if (kind < 60)
      copyPart(model, model);
    else if (kind < 82)
      changeNode(model);
    else if (kind < 96)
      changeTensor(model);
    else
      changeVersion(model);
  }
}

void ModelMutator::cross(onnx::ModelProto &model, const onnx::ModelProto &other) {
  onnx::ModelProto from = other;
  copyPart(model, from);
}

} // namespace tenon::fuzz
