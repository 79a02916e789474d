#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

namespace adze {

// Protobuf text into an empty message. As AMCT reads it: of a oneof and of a repeated scalar field
// the last one given wins. kBadFile: "is not <what>: line 3, column 5: ...".
void ParseTextProto(std::string_view text, const std::string& what,
                    google::protobuf::Message* message);
// Protobuf text, floats in the shortest decimal form that reads back to the same float32.
std::string PrintTextProto(const google::protobuf::Message& message);

// The shortest decimal form that reads back to the same float32: "0.7", "1e-05".
std::string ShortestDecimal(float value);

}  // namespace adze
