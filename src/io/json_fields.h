#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

namespace adze {

// kBadFile if it is not JSON; kInvalidArgument if an object has a key twice (the parser alone would
// keep the last).
nlohmann::json ParseUniqueJson(std::string_view text);

// As Python's json.dump(indent=4, separators=(',', ':')), which AMCT writes its configs with, and a
// newline at the end.
std::string DumpAsAmct(const nlohmann::ordered_json& value);

// Named values of one JSON object; remembers which were asked for. kInvalidArgument names key and
// type of what is of another type; `what` names the object.
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string what);
  bool Has(const std::string& key) const { return object_.contains(key); }

  bool Bool(const std::string& key, bool fallback);
  int Integer(const std::string& key, int fallback);
  double Number(const std::string& key, double fallback);
  std::string String(const std::string& key, const std::string& fallback);
  // Null if there is none.
  const nlohmann::json* Array(const std::string& key);
  const nlohmann::json* Object(const std::string& key);

  // Refuses what was not asked for.
  void CheckNoOthers() const;

 private:
  const nlohmann::json* Find(const std::string& key, bool (nlohmann::json::*is)() const noexcept,
                             const char* wanted);

  const nlohmann::json& object_;
  std::string what_;
  std::set<std::string> known_;
};

}  // namespace adze
