#include "io/attr_codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>

namespace adze {
namespace {

template <typename T, typename Repeated>
std::vector<T> ToVector(const Repeated& values) {
  std::vector<T> result;
  result.reserve(values.size());
  for (const auto& value : values) result.push_back(static_cast<T>(value));
  return result;
}

// A list's kind is that of its only non-empty field; an empty list stays opaque, its kind is the
// op's business.
Attr::Value DecodeList(const proto::AttrValue::ListValue& list) {
  if (list.s_size()) return ToVector<std::string>(list.s());
  if (list.i_size()) return ToVector<int64_t>(list.i());
  if (list.f_size()) return ToVector<float>(list.f());
  if (list.b_size()) return ToVector<bool>(list.b());
  if (list.type_size()) return ToVector<DType>(list.type());
  if (list.shape_size()) {
    std::vector<Shape> shapes;
    for (const auto& shape : list.shape()) shapes.push_back(DecodeShape(shape));
    return shapes;
  }
  return OpaqueAttr{};
}

Attr::Value DecodeValue(proto::AttrValue& message, ExpansionBudget& budget) {
  switch (message.value_case()) {
    case proto::AttrValue::kS:
      return message.s();
    case proto::AttrValue::kI:
      return int64_t{message.i()};
    case proto::AttrValue::kF:
      return message.f();
    case proto::AttrValue::kB:
      return message.b();
    case proto::AttrValue::kType:
      return static_cast<DType>(message.type());
    case proto::AttrValue::kShape:
      return DecodeShape(message.shape());
    case proto::AttrValue::kTensor:
      return DecodeTensor(*message.mutable_tensor(), budget);
    case proto::AttrValue::kList:
      return DecodeList(message.list());
    default:
      return OpaqueAttr{};
  }
}

struct Encoder {
  proto::AttrValue& message;
  proto::AttrValue::ListValue& list() const { return *message.mutable_list(); }

  void operator()(const OpaqueAttr&) const {}
  void operator()(int64_t value) const { message.set_i(value); }
  void operator()(float value) const { message.set_f(value); }
  void operator()(bool value) const { message.set_b(value); }
  void operator()(const std::string& value) const { message.set_s(value); }
  void operator()(DType value) const { message.set_type(static_cast<proto::DataType>(value)); }
  void operator()(const Shape& value) const { EncodeShape(value, *message.mutable_shape()); }
  void operator()(const Tensor& value) const { EncodeTensor(value, *message.mutable_tensor()); }
  void operator()(const std::vector<int64_t>& values) const {
    for (int64_t value : values) list().add_i(value);
  }
  void operator()(const std::vector<float>& values) const {
    for (float value : values) list().add_f(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) list().add_s(value);
  }
  void operator()(const std::vector<DType>& values) const {
    for (DType value : values) list().add_type(static_cast<proto::DataType>(value));
  }
  void operator()(const std::vector<Shape>& values) const {
    for (const Shape& value : values) EncodeShape(value, *list().add_shape());
  }
  void operator()(const std::vector<bool>& values) const {
    for (bool value : values) list().add_b(value);
  }
};

template <typename Message>
bool HasUnknownFields(const Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

// A value of one field, which Encoder writes again as it was.
bool IsPlainScalar(const proto::AttrValue& message) {
  switch (message.value_case()) {
    case proto::AttrValue::kS:
    case proto::AttrValue::kI:
    case proto::AttrValue::kF:
    case proto::AttrValue::kB:
    case proto::AttrValue::kType:
      return !HasUnknownFields(message);
    default:
      return false;
  }
}

// The plain form of a constant, which EncodeTensor writes again byte for byte. Looked up rather
// than written and compared, since it may be large.
bool IsPlainTensor(const proto::AttrValue& message) {
  if (message.value_case() != proto::AttrValue::kTensor) return false;
  const proto::TensorProto& tensor = message.tensor();
  if (tensor.tensor_content().empty() || tensor.version_number() != 0) return false;
  if (!tensor.has_tensor_shape() || HasUnknownFields(tensor) || HasUnknownFields(message)) {
    return false;
  }
  for (const auto& dim : tensor.tensor_shape().dim()) {
    if (!dim.name().empty()) return false;
  }
  return !HasUnknownFields(tensor.tensor_shape());
}

}  // namespace

std::string SerializeDeterministically(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  Require(message.SerializeToCodedStream(&coded), ErrorCode::kUnsupported,
          "message over 2 GiB cannot be written as protobuf");
  coded.Trim();
  return bytes;
}

Attr DecodeAttr(proto::AttrValue& message, ExpansionBudget& budget) {
  Attr attr;
  if (IsPlainScalar(message) || IsPlainTensor(message)) {
    attr.value = DecodeValue(message, budget);
    return attr;
  }
  std::string wire = SerializeDeterministically(message);
  attr.value = DecodeValue(message, budget);
  // A repeated-value tensor expands when written, so its wire form is kept without trying.
  bool same = false;
  if (!std::holds_alternative<Tensor>(attr.value)) {
    proto::AttrValue again;
    std::visit(Encoder{again}, attr.value);
    same = SerializeDeterministically(again) == wire;
  }
  if (!same) attr.wire = std::make_shared<const std::string>(std::move(wire));
  return attr;
}

void EncodeAttr(const Attr& attr, proto::AttrValue& message) {
  if (attr.wire) {
    Check(message.ParseFromString(*attr.wire), "kept attribute does not parse");
  } else {
    std::visit(Encoder{message}, attr.value);
    // An empty list has no field that says so.
    const bool is_list = attr.value.index() >= Attr::Value(std::vector<int64_t>()).index();
    if (is_list) message.mutable_list();
  }
}

}  // namespace adze
