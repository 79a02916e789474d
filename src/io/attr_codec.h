#pragma once

#include "adze/attr.h"
#include "proto/graph.pb.h"

namespace adze {

// Between TensorFlow's AttrValue / TensorProto and this library's Attr / Tensor. `Decode` may take
// memory out of the message. Throws kBadFile where bytes and shape disagree.
Attr DecodeAttr(proto::AttrValue& message);
void EncodeAttr(const Attr& attr, proto::AttrValue& message);

Tensor DecodeTensor(proto::TensorProto& message);
// Numbers as tensor_content, strings as string_val.
void EncodeTensor(const Tensor& tensor, proto::TensorProto& message);

Shape DecodeShape(const proto::TensorShapeProto& message);
void EncodeShape(const Shape& shape, proto::TensorShapeProto& message);

// Bytes with map keys in order, so that equal messages give equal bytes.
std::string SerializeDeterministically(const google::protobuf::MessageLite& message);

}  // namespace adze
