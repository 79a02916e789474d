#pragma once

namespace adze {

// OpenMP's threads spin while they wait, for milliseconds unless told otherwise, and take cores
// from whoever else has work. Starts the program `argv` again with a shorter time, which OpenMP
// only takes from the environment; does nothing where the user has chosen, by GOMP_SPINCOUNT or
// OMP_WAIT_POLICY. To be called before anything else.
void LimitSpinning(char** argv);

}  // namespace adze
