#!/usr/bin/python3
"""Top-1 accuracy of a frozen graph on the Fashion-MNIST test images, measured by TensorFlow.

usage: evaluate_in_tensorflow.py [MODEL.pb] [--data DIR]

Runs fashion_mnist.pb itself and what `adze quantize` makes of it (PREFIX_fake_quant.pb; the
deployable PREFIX_quantized.pb has ops that stock TensorFlow lacks). Uses the Python package
`tensorflow` of any version, or, where PYTHONPATH has tensorflow_oracle.py, the C library it binds.
"""
import argparse
import gzip
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def runner(path):
    """A function from images [n, 28, 28, 1] to probabilities [n, 10]."""
    try:
        import tensorflow.compat.v1 as tf
    except ImportError:
        from tensorflow_oracle import Graph
        graph = Graph.from_pb(path)
        return lambda images: graph.run({"image:0": images}, ["probabilities:0"])[0]
    definition = tf.GraphDef()
    with open(path, "rb") as file:
        definition.ParseFromString(file.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    session = tf.Session(graph=graph)
    return lambda images: session.run("probabilities:0", {"image:0": images})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default=os.path.join(HERE, "fashion_mnist.pb"))
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    args = parser.parse_args()
    with gzip.open(f"{args.data}/t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with gzip.open(f"{args.data}/t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    run, correct = runner(args.model), 0
    for begin in range(0, len(pixels), 500):
        part = slice(begin, begin + 500)
        scores = run(pixels[part].astype(np.float32) / 255)
        correct += int((scores.argmax(1) == labels[part]).sum())
    print(f"{args.model}: {correct} of {len(labels)} correct, {correct / len(labels):.4f}")


if __name__ == "__main__":
    main()
