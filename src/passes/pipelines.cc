// The order of passes. The only list of passes there is.
#include "adze/pass.h"

namespace adze {

std::vector<std::string> PreparePipeline() {
  return {
      "drop_identity",
  };
}

}  // namespace adze
