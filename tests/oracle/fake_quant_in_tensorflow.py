"""Runs an exported fake-quant graph in TensorFlow 1.15 and compares it with adze's simulation.

usage: fake_quant_in_tensorflow.py FOLDER [SAME SQNR]
FOLDER holds fake_quant.pb; case.json {"input", "logits": tensor names, "layers": [{"layer", "data",
"output": tensor names, "index"}]}; input.npy [n, h, w, c] and logits.npy [n, ...] as adze computed
them; and per layer the data.<index>.npy it read and the output.<index>.npy it gave.

Passes if each layer, fed the same tensor, gives the same output to 1e-5 of its largest value, and,
where SAME and SQNR are given, if TensorFlow's class is adze's for at least the fraction SAME of the
images and the logits' SQNR between the two is at least SQNR dB. Sums in another order flip a
rounding now and then, and later layers amplify that.
PYTHONPATH must hold
tensorflow_oracle.py. Exit status 77: no TensorFlow here.
"""
import json
import os
import sys

import numpy as np


def load(folder, name):
    return np.load(os.path.join(folder, name))


def main(folder, least_same=0.0, least_sqnr=-np.inf):
    try:
        from tensorflow_oracle import Graph
    except (ImportError, OSError) as error:
        print("no TensorFlow:", error)
        return 77
    with open(os.path.join(folder, "case.json")) as file:
        case = json.load(file)
    graph = Graph.from_pb(os.path.join(folder, "fake_quant.pb"))

    images, ours = load(folder, "input.npy"), load(folder, "logits.npy")
    theirs = np.concatenate([
        # One at a time: the placeholder's batch may be fixed at 1.
        graph.run({case["input"]: images[i:i + 1]}, [case["logits"]])[0].reshape(1, -1)
        for i in range(len(images))
    ])
    ours = ours.reshape(theirs.shape).astype(np.float64)
    same = int((ours.argmax(1) == theirs.argmax(1)).sum())
    noise = ((ours - theirs)**2).sum()
    sqnr = 10 * np.log10((theirs.astype(np.float64)**2).sum() / noise) if noise else np.inf
    print("same class: %d of %d; logits SQNR %.1f dB" % (same, len(images), sqnr))
    failed = same < least_same * len(images) or not sqnr >= least_sqnr

    worst = (0.0, "")
    for layer in case["layers"]:
        data = load(folder, "data.%d.npy" % layer["index"])
        ours = load(folder, "output.%d.npy" % layer["index"])
        theirs = graph.run({layer["data"]: data}, [layer["output"]])[0]
        error = float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))
        worst = max(worst, (error, layer["layer"]))
        if not error <= 1e-5:
            print("layer %s: relative error %.2g" % (layer["layer"], error))
            failed = True
    print("%d layers fed the same tensor: largest relative error %.2g (%s)" %
          (len(case["layers"]), *worst))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(float, sys.argv[2:])))
