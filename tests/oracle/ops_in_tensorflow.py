"""Runs the nodes of a graph in TensorFlow 1.15 and compares them with adze's results.

usage: ops_in_tensorflow.py FOLDER
FOLDER holds graph.pb, whose inputs are all constant, and TENSOR.npy for each tensor to compare;
':' in a name is written '@'. Numbers may differ by 1e-5 of the largest, integers not at all.
PYTHONPATH must hold tensorflow_oracle.py. Exit status 77: no TensorFlow here.
"""
import glob
import os
import sys

import numpy as np


def main(folder):
    try:
        from tensorflow_oracle import Graph
    except (ImportError, OSError) as error:
        print("no TensorFlow:", error)
        return 77
    graph = Graph.from_pb(os.path.join(folder, "graph.pb"))
    failed = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.npy"))):
        name = os.path.basename(path)[:-4].replace("@", ":")
        ours, theirs = np.load(path), graph.run({}, [name])[0]
        same = ours.shape == theirs.shape and ours.dtype == theirs.dtype
        if same and ours.dtype.kind == "f":
            tolerance = 1e-5 * np.abs(theirs[np.isfinite(theirs)]).max(initial=1e-3)
            same = np.allclose(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)
        elif same:
            same = np.array_equal(ours, theirs)
        if not same:
            print("%s: adze %s, TensorFlow %s" % (name, ours.tolist(), theirs.tolist()))
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
