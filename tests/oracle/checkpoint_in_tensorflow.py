"""Restores a checkpoint that adze wrote in TensorFlow 1.15, runs the model and saves it again.

usage: checkpoint_in_tensorflow.py PREFIX INPUT OUTPUT AGAIN
Restores PREFIX through the ops of PREFIX.meta, feeds input.npy of PREFIX's folder to tensor INPUT,
compares tensor OUTPUT with output.npy there (1e-5), and saves under the prefix AGAIN.
PYTHONPATH must hold tensorflow_oracle.py. Exit status 77: no TensorFlow here.
"""
import os
import sys

import numpy as np


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def graph_def(meta):
    """Field 2 of a MetaGraphDef."""
    at = 0
    while at < len(meta):
        tag, at = varint(meta, at)
        assert tag & 7 == 2, "every field of a MetaGraphDef is a message"
        size, at = varint(meta, at)
        if tag >> 3 == 2:
            return meta[at:at + size]
        at += size
    raise ValueError("no graph")


def main(prefix, input_name, output_name, again):
    try:
        from tensorflow_oracle import Graph
    except (ImportError, OSError) as error:
        print("no TensorFlow:", error)
        return 77
    folder = os.path.dirname(prefix)
    with open(prefix + ".meta", "rb") as file:
        graph = Graph(graph_def(file.read()))
    graph.run({"save/Const:0": prefix}, [], ["save/restore_all"])
    want = np.load(os.path.join(folder, "output.npy"))
    result = graph.run({input_name: np.load(os.path.join(folder, "input.npy"))}, [output_name])[0]
    error = float(np.abs(result - want).max())
    print("largest difference %.2g" % error)
    graph.run({"save/Const:0": again}, ["save/control_dependency:0"])
    return 0 if result.shape == want.shape and error <= 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
