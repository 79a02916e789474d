#include "io/text_proto.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <charconv>

#include "adze/error.h"

namespace adze {
namespace {

namespace pb = google::protobuf;

// Keeps the first error; the others usually follow from it.
class FirstError : public pb::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text_.empty()) return;
    if (line >= 0) {
      text_ = "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": ";
    }
    text_ += message;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class ShortestFloats : public pb::TextFormat::FastFieldValuePrinter {
 public:
  void PrintFloat(float value, pb::TextFormat::BaseTextGenerator* generator) const override {
    generator->PrintString(ShortestDecimal(value));
  }
};

}  // namespace

void ParseTextProto(std::string_view text, const std::string& what, pb::Message* message) {
  FirstError error;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  const bool ok = parser.MergeFromString(std::string(text), message);
  Require(ok, ErrorCode::kBadFile, "is not ", what, ": ", error.text());
}

std::string PrintTextProto(const pb::Message& message) {
  pb::TextFormat::Printer printer;
  printer.SetDefaultFieldValuePrinter(new ShortestFloats);  // the printer owns it
  std::string text;
  Check(printer.PrintToString(message, &text), "text of a message");
  return text;
}

std::string ShortestDecimal(float value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  Check(error == std::errc(), "digits of a float");
  return std::string(text, end);
}

}  // namespace adze
