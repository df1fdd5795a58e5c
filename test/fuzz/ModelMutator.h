//===- ModelMutator.h - small changes to ONNX models ---------------------------------------===//
//
// What a fuzzer of the importer changes: fields of the message, never its bytes, so that most of what it makes gets
// past the protobuf parser; and operators by their schemas, so that much of it gets past the first check of a node.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_TEST_FUZZ_MODELMUTATOR_H
#define TENON_TEST_FUZZ_MODELMUTATOR_H

#include "onnx/onnx_pb.h"

#include <random>

namespace tenon::fuzz {

class ModelMutator {
public:
  explicit ModelMutator(unsigned seed) : random(seed) {}

  /// One to four changes.
  void mutate(onnx::ModelProto &model);

  /// Replaces a part of `model` by a part of the same kind from `other`.
  void cross(onnx::ModelProto &model, const onnx::ModelProto &other);

private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  /// A number below `count`, which is not 0.
  size_t below(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <typename List> auto &pick(List &list) { return list[below(list.size())]; }

  void collect(Message &message, std::vector<Message *> &found);
  int64_t integer(int64_t old);
  double real();
  std::string name(const onnx::ModelProto &model, const std::string &old);

  void changeField(onnx::ModelProto &model);
  void setScalar(onnx::ModelProto &model, Message &message, const Field *field, int index);
  void changeRepeated(onnx::ModelProto &model, Message &message, const Field *field);
  void copyPart(onnx::ModelProto &model, Message &from);
  void changeNode(onnx::ModelProto &model);
  void addNode(onnx::GraphProto &graph);
  void drawAttributes(onnx::NodeProto &node);
  void changeTensor(onnx::ModelProto &model);
  void changeVersion(onnx::ModelProto &model);

  std::mt19937 random;
};

} // namespace tenon::fuzz

#endif // TENON_TEST_FUZZ_MODELMUTATOR_H
