#include <charconv>
#include <cstring>
#include <random>

#include "adze/error.h"
#include "adze/graph_text.h"

namespace adze {
namespace {

class Parser {
 public:
  Parser(std::string_view text, Graph& graph) : text_(text), graph_(graph) {}

  void Run() {
    for (SkipBlank(); !text_.empty(); SkipBlank()) {
      const std::string name = Word("a node's name");
      if (name == "return") {
        ReadOutputs();
      } else {
        ReadNode(name);
      }
    }
    for (const auto& [node, names] : inputs_) Connect(*node, names);
    std::vector<GraphOutput> outputs;
    for (auto& [name, value] : outputs_) outputs.push_back({name, graph_.FindValue(value)});
    graph_.SetOutputs(std::move(outputs));
  }

 private:
  template <typename... Parts>
  void Expect(bool ok, const Parts&... parts) {
    Require(ok, ErrorCode::kBadFile, "line ", line_, ": ", parts...);
  }

  void SkipBlank() {
    while (!text_.empty()) {
      if (text_[0] == '#') text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
      if (text_.empty() || !std::isspace(static_cast<unsigned char>(text_[0]))) return;
      line_ += text_[0] == '\n';
      text_.remove_prefix(1);
    }
  }

  bool Accept(char c) {
    SkipBlank();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void Need(char c) { Expect(Accept(c), "expected '", c, "'"); }

  // Names, numbers and types are runs of the characters that have no meaning of their own.
  std::string Word(const char* what) {
    SkipBlank();
    const size_t end = std::min(text_.find_first_of(" \t\r\n#(){}[],=\"^"), text_.size());
    size_t length = end;
    // The colon of "key: value", but not the one of "split:1".
    if (length > 0 && text_[length - 1] == ':') --length;
    Expect(length > 0, "expected ", what);
    const std::string word(text_.substr(0, length));
    text_.remove_prefix(length);
    return word;
  }

  template <typename T>
  T Number(const std::string& word) {
    T value{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    Expect(error == std::errc() && end == word.data() + word.size(), "'", word,
           "' is not a number of the kind wanted here");
    return value;
  }

  std::string QuotedText() {
    Need('"');
    std::string value;
    while (!text_.empty() && text_[0] != '"') {
      if (text_[0] == '\\') text_.remove_prefix(1);
      Expect(!text_.empty(), "a text without its end");
      value += text_[0];
      text_.remove_prefix(1);
    }
    Expect(!text_.empty(), "a text without its end");
    text_.remove_prefix(1);
    return value;
  }

  void ReadNode(const std::string& name) {
    Need('=');
    const std::string op = Word("an op");
    std::vector<std::string> inputs;
    if (Accept('(')) {
      while (!Accept(')')) {
        const std::string mark = Accept('^') ? "^" : "";
        inputs.push_back(mark + Word("an input"));
        SkipBlank();
        Expect(text_.starts_with(')') || Accept(','), "expected ',' or ')'");
      }
    }
    AttrMap attrs;
    if (Accept('{')) {
      while (!Accept('}')) {
        const std::string key = Word("an attribute's name");
        Need(':');
        attrs.insert_or_assign(key, ReadAttr(key));
        SkipBlank();
        Expect(text_.starts_with('}') || Accept(','), "expected ',' or '}'");
      }
    }
    if (const auto value = attrs.find("value"); op == "Const" && value != attrs.end()) {
      const Tensor* tensor = std::get_if<Tensor>(&value->second.value);
      Expect(tensor != nullptr, "the value of a Const is a tensor such as f32[2] [1, 2]");
      attrs.try_emplace("dtype", tensor->dtype());
    }
    inputs_.emplace_back(&graph_.Add(name, op, {}, std::move(attrs)), std::move(inputs));
  }

  void ReadOutputs() {
    do {
      const std::string name = Word("an output's name");
      outputs_.emplace_back(name, Accept('=') ? Word("a value") : name);
    } while (Accept(','));
  }

  Attr ReadAttr(std::string_view key) {
    SkipBlank();
    if (key.ends_with("shape") && (text_.starts_with('[') || text_.starts_with('?')))
      return ReadShape();
    if (text_.starts_with('"')) return QuotedText();
    if (text_.starts_with('[')) return ReadList();
    const std::string word = Word("a value");
    if (word == "shape" || word == "shape?")
      return word == "shape" ? ReadShape() : Shape::UnknownRank();
    if (word == "true" || word == "false") return word == "true";
    if (const DType dtype = DTypeFromName(word); dtype != DType::kInvalid) {
      if (!text_.starts_with('[')) return dtype;
      return ReadTensor(dtype);
    }
    if (IsFloat(word)) return Number<float>(word);
    return Number<int64_t>(word);
  }

  static bool IsFloat(const std::string& word) {
    return word.find_first_of(".en") != std::string::npos;  // 1.5, 1e9, inf, nan
  }

  Shape ReadShape() {
    if (!Accept('[')) {
      Expect(Word("a shape") == "?", "expected a shape such as [1, ?]");
      return Shape::UnknownRank();
    }
    std::vector<int64_t> dims;
    while (!Accept(']')) {
      const std::string word = Word("a dimension");
      dims.push_back(word == "?" ? Shape::kUnknown : Number<int64_t>(word));
      Accept(',');
    }
    return Shape(std::move(dims));
  }

  template <typename T>
  static std::vector<T> Gather(const std::vector<Attr>& elements) {
    std::vector<T> values;
    for (const Attr& element : elements) values.push_back(std::get<T>(element.value));
    return values;
  }

  Attr ReadList() {
    Need('[');
    std::vector<Attr> elements;
    while (!Accept(']')) {
      elements.push_back(ReadAttr(""));
      Expect(elements.back().value.index() == elements.front().value.index(),
             "a list of several kinds of values");
      Accept(',');
    }
    if (elements.empty()) return std::vector<int64_t>();
    const Attr::Value& first = elements.front().value;
    if (std::holds_alternative<int64_t>(first)) return Gather<int64_t>(elements);
    if (std::holds_alternative<float>(first)) return Gather<float>(elements);
    if (std::holds_alternative<bool>(first)) return Gather<bool>(elements);
    if (std::holds_alternative<std::string>(first)) return Gather<std::string>(elements);
    if (std::holds_alternative<DType>(first)) return Gather<DType>(elements);
    Expect(std::holds_alternative<Shape>(first), "a list of lists or tensors");
    return Gather<Shape>(elements);
  }

  // Elements are read as float64, which holds every float32 and integers up to 2^53.
  Tensor ReadTensor(DType dtype) {
    const Shape shape = ReadShape();
    const int64_t count = shape.num_elements();
    SkipBlank();
    if (dtype == DType::kString) return ReadStrings(shape, count);
    std::vector<double> values;
    if (Accept('[')) {
      while (!Accept(']')) {
        values.push_back(ReadElement());
        Accept(',');
      }
      Expect(static_cast<int64_t>(values.size()) == count, "a tensor of ", count,
             " elements is given ", values.size());
    } else if (text_.starts_with("random")) {
      Word("random");
      Need('(');
      std::mt19937_64 bits(Number<uint64_t>(Word("a seed")));
      Need(')');
      for (int64_t i = 0; i < count; ++i) {
        values.push_back(static_cast<double>(bits() >> 40) * 0x1p-23 - 1);  // exact in float32
      }
    } else {
      values.assign(count, ReadElement());
    }
    return Cast(Tensor::From<double>(shape, values), dtype);
  }

  double ReadElement() {
    const std::string word = Word("a number");
    if (word == "true" || word == "false") return word == "true";
    return Number<double>(word);
  }

  Tensor ReadStrings(const Shape& shape, int64_t count) {
    Need('[');
    std::vector<std::string> values;
    while (!Accept(']')) {
      values.push_back(QuotedText());
      Accept(',');
    }
    Expect(static_cast<int64_t>(values.size()) == count, "a tensor of ", count,
           " elements is given ", values.size());
    return Tensor::FromStrings(shape, std::move(values));
  }

  void Connect(Node& node, const std::vector<std::string>& names) {
    ErrorScope scope("node", node.name());
    std::vector<Value> inputs;
    std::vector<Node*> controls;
    for (const std::string& name : names) {
      if (name[0] == '^') {
        controls.push_back(graph_.FindValue(name.substr(1)).node);
      } else {
        inputs.push_back(graph_.FindValue(name));
      }
    }
    graph_.SetInputs(node, std::move(inputs));
    graph_.SetControlInputs(node, std::move(controls));
  }

  std::string_view text_;
  Graph& graph_;
  int line_ = 1;
  std::vector<std::pair<Node*, std::vector<std::string>>> inputs_;
  std::vector<std::pair<std::string, std::string>> outputs_;
};

}  // namespace

Graph ParseGraphText(std::string_view text, const OpRegistry& ops) {
  Graph graph(ops);
  Parser(text, graph).Run();
  return graph;
}

}  // namespace adze
