#pragma once

#include "adze/attr.h"
#include "proto/graph.pb.h"

namespace adze {

// What the constants of one file may take that are written as "the last value repeats": a small
// graph must not take all memory.
class ExpansionBudget {
 public:
  explicit ExpansionBudget(size_t file_bytes)
      : left_((uint64_t{48} << 20) + 3 * uint64_t{file_bytes}) {}
  // kBadFile if elements of `bytes` bytes are more than what is left.
  void Take(const Shape& shape, uint64_t bytes);

 private:
  uint64_t left_;
};

// Between TensorFlow's AttrValue / TensorProto and this library's Attr / Tensor. `Decode` may take
// memory out of the message. Throws kBadFile where bytes and shape disagree.
Attr DecodeAttr(proto::AttrValue& message, ExpansionBudget& budget);
void EncodeAttr(const Attr& attr, proto::AttrValue& message);

Tensor DecodeTensor(proto::TensorProto& message, ExpansionBudget& budget);
// Numbers as tensor_content, strings as string_val.
void EncodeTensor(const Tensor& tensor, proto::TensorProto& message);

Shape DecodeShape(const proto::TensorShapeProto& message);
void EncodeShape(const Shape& shape, proto::TensorShapeProto& message);

// Bytes with map keys in order, so that equal messages give equal bytes.
std::string SerializeDeterministically(const google::protobuf::MessageLite& message);

}  // namespace adze
