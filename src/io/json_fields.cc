#include "io/json_fields.h"

#include <vector>

#include "adze/error.h"

namespace adze {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
constexpr ErrorCode kBad = ErrorCode::kInvalidArgument;

void Dump(const ordered_json& value, int indent, std::string* text) {
  if (!value.is_structured() || value.empty()) {
    *text += value.dump();
    return;
  }
  const std::string line = "\n" + std::string(indent + 4, ' ');
  bool first = true;
  *text += value.is_object() ? '{' : '[';
  for (const auto& [key, item] : value.items()) {
    *text += (first ? "" : ",") + line;
    if (value.is_object()) *text += ordered_json(key).dump() + ':';
    Dump(item, indent + 4, text);
    first = false;
  }
  *text += "\n" + std::string(indent, ' ') + (value.is_object() ? '}' : ']');
}

}  // namespace

json ParseUniqueJson(std::string_view text) {
  std::vector<std::set<std::string>> open;
  std::set<std::string> repeated;
  const auto watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key) {
      const std::string key = value.get<std::string>();
      if (!open.back().insert(key).second) repeated.insert(key);
    }
    return true;
  };
  json result;
  try {
    result = json::parse(text, watch);
  } catch (const json::exception& e) {
    throw Error(ErrorCode::kBadFile, std::string("is not JSON: ") + e.what());
  }
  std::string names;
  for (const std::string& name : repeated) names += (names.empty() ? "'" : ", '") + name + "'";
  Require(repeated.empty(), kBad, "repeated keys: ", names);
  return result;
}

std::string DumpAsAmct(const ordered_json& value) {
  std::string text;
  Dump(value, 0, &text);
  return text + "\n";
}

JsonFields::JsonFields(const json& object, std::string what)
    : object_(object), what_(std::move(what)) {
  Require(object.is_object(), kBad, what_, " must be an object, but is of type ",
          object.type_name());
}

bool JsonFields::Bool(const std::string& key, bool fallback) {
  const json* value = Find(key, &json::is_boolean, "true or false");
  return value ? value->get<bool>() : fallback;
}

int JsonFields::Integer(const std::string& key, int fallback) {
  const json* value = Find(key, &json::is_number_integer, "an integer");
  if (!value) return fallback;
  const auto number = value->get<int64_t>();
  Require(number >= INT32_MIN && number <= INT32_MAX, kBad, key, " is ", number,
          ", which is too large");
  return static_cast<int>(number);
}

double JsonFields::Number(const std::string& key, double fallback) {
  const json* value = Find(key, &json::is_number, "a number");
  return value ? value->get<double>() : fallback;
}

std::string JsonFields::String(const std::string& key, const std::string& fallback) {
  const json* value = Find(key, &json::is_string, "a string");
  return value ? value->get<std::string>() : fallback;
}

const json* JsonFields::Array(const std::string& key) {
  return Find(key, &json::is_array, "a list");
}

const json* JsonFields::Object(const std::string& key) {
  return Find(key, &json::is_object, "an object");
}

void JsonFields::CheckNoOthers() const {
  for (const auto& [key, value] : object_.items()) {
    Require(known_.count(key), kBad, "unknown parameter '", key, "' in ", what_);
  }
}

const json* JsonFields::Find(const std::string& key, bool (json::*is)() const noexcept,
                             const char* wanted) {
  known_.insert(key);
  auto it = object_.find(key);
  if (it == object_.end()) return nullptr;
  Require(((*it).*is)(), kBad, key, " must be ", wanted, ", but is of type ", it->type_name());
  return &*it;
}

}  // namespace adze
