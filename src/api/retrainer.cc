#include "adze/retrain.h"

namespace adze {
namespace {

Retrainer the_retrainer = nullptr;

}  // namespace

void SetRetrainer(Retrainer retrainer) { the_retrainer = retrainer; }
Retrainer GetRetrainer() { return the_retrainer; }

}  // namespace adze
