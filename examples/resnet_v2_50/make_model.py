#!/usr/bin/python3
"""Writes the graph of ResNet-50 v2, as TF-slim builds it, with random weights: a frozen GraphDef.

usage: examples/resnet_v2_50/make_model.py OUTPUT.pb [--seed N] [--classes N] [--size PIXELS]

The weights follow from the seed, by operations on single numbers only, so that the file is the same
everywhere. Channels and taps count unequally, as those of trained networks do. Needs NumPy, Python's
protobuf and protoc.
"""
import argparse
import importlib
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# (name, channels of the bottleneck, units, stride of the last unit)
BLOCKS = [("block1", 64, 3, 2), ("block2", 128, 4, 2), ("block3", 256, 6, 2), ("block4", 512, 3, 1)]
SCOPE = "resnet_v2_50"


def graph_messages():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["protoc", f"-I{ROOT}/proto", f"--python_out={folder}", "graph.proto"],
                       check=True)
        sys.path.insert(0, folder)
        return importlib.import_module("graph_pb2")


class ResNet:
    """Adds the nodes of the network one by one; methods return the name of the last."""

    def __init__(self, seed):
        self.pb = graph_messages()
        self.graph = self.pb.GraphDef()
        self.graph.versions.producer = 134  # TensorFlow 1.15
        self.random = np.random.RandomState(seed)  # whose numbers stay the same in every NumPy

    def node(self, name, op, inputs=(), **attrs):
        node = self.graph.node.add(name=name, op=op, input=inputs)
        for attr, (field, value) in attrs.items():
            target = node.attr[attr]
            if field == "ints":
                target.list.i.extend(value)
            elif field in ("shape", "tensor"):
                getattr(target, field).CopyFrom(value)
            else:
                setattr(target, field, value)
        return name

    def op(self, name, op, inputs, **attrs):
        return self.node(name, op, inputs, T=("type", self.pb.DT_FLOAT), **attrs)

    def shape(self, dims):
        shape = self.pb.TensorShapeProto()
        for size in dims:
            shape.dim.add(size=size)
        return shape

    def constant(self, name, value):
        value = np.ascontiguousarray(value)
        dtype = {"float32": self.pb.DT_FLOAT, "int32": self.pb.DT_INT32}[value.dtype.name]
        tensor = self.pb.TensorProto(dtype=dtype, tensor_shape=self.shape(value.shape),
                                     tensor_content=value.tobytes())
        return self.node(name, "Const", dtype=("type", dtype), value=("tensor", tensor))

    def variable(self, name, value):
        self.constant(name, np.asarray(value, np.float32))
        return self.op(name + "/read", "Identity", [name])

    def uneven(self, count):
        """Factors of mean square 1 that fall by a half from the first to the last, shuffled."""
        factors = 1.0 / (1.0 + np.arange(count) / max(count - 1, 1))
        return self.random.permutation(factors / np.sqrt(np.mean(factors * factors)))

    def convolution(self, name, data, channels, outputs, kernel=1, stride=1):
        """SAME where the stride is 1; otherwise the image is padded alike on both sides, as TF-slim's
        conv2d_same does."""
        padding = b"SAME"
        if stride > 1 and kernel > 1:
            before, padding = (kernel - 1) // 2, b"VALID"
            after = kernel - 1 - before
            scope = name.rsplit("/", 1)[0]
            paddings = np.array([[0, 0], [before, after], [before, after], [0, 0]], np.int32)
            paddings = self.constant(scope + "/Pad/paddings", paddings)
            data = self.op(scope + "/Pad", "Pad", [data, paddings],
                           Tpaddings=("type", self.pb.DT_INT32))
        weight = self.random.standard_normal((kernel, kernel, channels, outputs))
        weight *= np.sqrt(2.0 / (kernel * kernel * channels))
        for axis, count in enumerate(weight.shape):
            weight *= self.uneven(count).reshape([-1 if i == axis else 1 for i in range(4)])
        weight = self.variable(name + "/weights", weight)
        return self.op(name + "/Conv2D", "Conv2D", [data, weight],
                       strides=("ints", [1, stride, stride, 1]), padding=("s", padding),
                       data_format=("s", b"NHWC"), dilations=("ints", [1, 1, 1, 1]),
                       use_cudnn_on_gpu=("b", True))

    def bias(self, name, data, count):
        biases = self.variable(name + "/biases", 0.1 * self.random.standard_normal(count))
        return self.op(name + "/BiasAdd", "BiasAdd", [data, biases], data_format=("s", b"NHWC"))

    def norm_relu(self, scope, name, data, count, variance=1.0):
        """Batch norm of data whose variance is about so much, then Relu in `scope`."""
        parameters = {"gamma": 1 + 0.1 * self.random.standard_normal(count),
                      "beta": 0.1 * self.random.standard_normal(count),
                      "moving_mean": 0.1 * self.random.standard_normal(count),
                      "moving_variance": variance * (0.75 + 0.5 * self.random.random_sample(count))}
        inputs = [self.variable(f"{name}/{part}", value) for part, value in parameters.items()]
        norm = self.op(name + "/FusedBatchNormV3", "FusedBatchNormV3", [data] + inputs,
                       U=("type", self.pb.DT_FLOAT), epsilon=("f", 1e-5),
                       data_format=("s", b"NHWC"), is_training=("b", False))
        return self.op(scope + "/Relu", "Relu", [norm])

    def pool(self, name, data, size, stride):
        return self.op(name, "MaxPool", [data], ksize=("ints", [1, size, size, 1]),
                       strides=("ints", [1, stride, stride, 1]), padding=("s", b"SAME"),
                       data_format=("s", b"NHWC"))

    def unit(self, scope, data, channels, narrow, stride, variance):
        """A bottleneck whose batch norms stand before its convolutions (He et al. 2016)."""
        wide = 4 * narrow
        before = self.norm_relu(scope + "/preact", scope + "/preact", data, channels, variance)
        if channels != wide:
            shortcut = self.convolution(scope + "/shortcut", before, channels, wide, 1, stride)
            shortcut = self.bias(scope + "/shortcut", shortcut, wide)
        else:
            shortcut = self.pool(scope + "/shortcut/MaxPool", data, 1, stride) if stride > 1 else data
        x = self.convolution(scope + "/conv1", before, channels, narrow)
        x = self.norm_relu(scope + "/conv1", scope + "/conv1/BatchNorm", x, narrow)
        x = self.convolution(scope + "/conv2", x, narrow, narrow, 3, stride)
        x = self.norm_relu(scope + "/conv2", scope + "/conv2/BatchNorm", x, narrow)
        x = self.bias(scope + "/conv3", self.convolution(scope + "/conv3", x, narrow, wide), wide)
        return self.op(scope + "/add", "AddV2", [shortcut, x])

    def network(self, size, classes):
        x = self.node("input", "Placeholder", dtype=("type", self.pb.DT_FLOAT),
                      shape=("shape", self.shape([1, size, size, 3])))
        x = self.convolution(SCOPE + "/conv1", x, 3, 64, 7, 2)
        x = self.pool(SCOPE + "/pool1/MaxPool", self.bias(SCOPE + "/conv1", x, 64), 3, 2)
        channels, variance = 64, 1.0
        for block, narrow, units, stride in BLOCKS:
            for number in range(1, units + 1):
                scope = f"{SCOPE}/{block}/unit_{number}/bottleneck_v2"
                x = self.unit(scope, x, channels, narrow, stride if number == units else 1, variance)
                variance = 2.0 if channels != 4 * narrow else variance + 1.0
                channels = 4 * narrow
        x = self.norm_relu(SCOPE + "/postnorm", SCOPE + "/postnorm", x, channels, variance)
        axes = self.constant(SCOPE + "/pool5/reduction_indices", np.array([1, 2], np.int32))
        x = self.op(SCOPE + "/pool5", "Mean", [x, axes], Tidx=("type", self.pb.DT_INT32),
                    keep_dims=("b", True))
        x = self.convolution(SCOPE + "/logits", x, channels, classes)
        x = self.op(SCOPE + "/SpatialSqueeze", "Squeeze", [self.bias(SCOPE + "/logits", x, classes)],
                    squeeze_dims=("ints", [1, 2]))
        self.op(SCOPE + "/predictions/Softmax", "Softmax", [x])
        return self.graph


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("output")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--classes", type=int, default=1001)
    parser.add_argument("--size", type=int, default=224, help="of the image, in pixels")
    args = parser.parse_args()
    data = ResNet(args.seed).network(args.size, args.classes).SerializeToString(deterministic=True)
    partial = args.output + ".partial"
    with open(partial, "wb") as file:
        file.write(data)
    os.replace(partial, args.output)
    print(f"{args.output}: {len(data)} bytes")


if __name__ == "__main__":
    main()
