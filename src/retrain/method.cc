#include "retrain/method.h"

#include "adze/registry.h"

namespace adze {
namespace {

template <typename Has>
const RetrainMethod& ByName(const std::string& name, const char* what, const Has& has) {
  const auto& all = Builtin<RetrainMethodRegistry>().all();
  const auto found = all.find(name);
  if (found != all.end() && has(found->second)) return found->second;
  std::string names;
  for (const auto& [other, method] : all) {
    if (has(method)) names += (names.empty() ? "" : ", ") + other;
  }
  throw Error(ErrorCode::kInvalidArgument,
              "there is no way '" + name + "' to retrain " + what + "; there are " + names);
}

}  // namespace

const RetrainMethod& ActivationMethodByName(const std::string& name) {
  return ByName(name, "activations",
                [](const RetrainMethod& m) { return m.activation != nullptr; });
}

const RetrainMethod& WeightMethodByName(const std::string& name) {
  return ByName(name, "weights", [](const RetrainMethod& m) { return m.weight != nullptr; });
}

}  // namespace adze
