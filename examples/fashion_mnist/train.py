#!/usr/bin/python3
"""Trains the Fashion-MNIST example and writes it as a frozen TensorFlow graph, fashion_mnist.pb.

usage: train.py [--data DIR] [--output FILE] [--epochs N] [--threads N]

Needs Debian's python3-torch, python3-numpy, python3-protobuf, protobuf-compiler and
dataset-fashion-mnist; TensorFlow is not used. The network is written once, as the list LAYERS, and
read twice: as a Torch module to train and as a GraphDef to write. The GraphDef is as freeze_graph
leaves one: every variable a Const behind an Identity `read`, batch norms not folded.
"""
import argparse
import gzip
import importlib
import math
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
CLASSES = 10
EPSILON = 1e-3
# (name, kind, channels out, stride); kernels are 3x3, those of kind "pointwise" 1x1. Each layer is
# followed by batch norm and, except before a residual addition, by Relu. "add" adds the output of
# the layer it names.
LAYERS = [
    ("stem", "conv", 24, 1),
    ("block1/depthwise", "depthwise", 24, 2),
    ("block1/pointwise", "pointwise", 64, 1),
    ("block2/depthwise", "depthwise", 64, 1),
    ("block2/pointwise", "linear", 64, 1),
    ("block2/add", "add", "block1/pointwise", 1),
    ("block3/depthwise", "depthwise", 64, 2),
    ("block3/pointwise", "pointwise", 128, 1),
    ("block4/depthwise", "depthwise", 128, 1),
    ("block4/pointwise", "linear", 128, 1),
    ("block4/add", "add", "block3/pointwise", 1),
    ("head", "pointwise", 192, 1),
]


def same_padding(size, kernel, stride):
    """Zeros before and after an axis under TensorFlow's SAME, where the odd one goes after."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def read_idx(path):
    """An idx file of bytes, gzipped or not."""
    opened = gzip.open(path) if path.endswith(".gz") else open(path, "rb")
    with opened as file:
        data = file.read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


class Network(torch.nn.Module):
    """NCHW inside, fed [n, 28, 28, 1] like the graph; returns logits."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterDict()
        self.norms = torch.nn.ModuleDict()
        channels = 1
        for name, kind, out, _ in LAYERS:
            if kind == "add":
                continue
            groups = channels if kind == "depthwise" else 1
            kernel = 1 if kind in ("pointwise", "linear") else 3
            weight = torch.empty(out, channels // groups, kernel, kernel)
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
            self.weights[key(name)] = torch.nn.Parameter(weight)
            self.norms[key(name)] = torch.nn.BatchNorm2d(out, eps=EPSILON)
            channels = out
        self.dense = torch.nn.Linear(channels, CLASSES)

    def forward(self, image):
        x, outputs = image.permute(0, 3, 1, 2), {}
        for name, kind, out, stride in LAYERS:
            if kind == "add":
                x = F.relu(x + outputs[out])
            else:
                weight = self.weights[key(name)]
                before, after = same_padding(x.shape[2], weight.shape[2], stride)
                if after != before:
                    x, before = F.pad(x, (before, after, before, after)), 0
                groups = x.shape[1] if kind == "depthwise" else 1
                x = self.norms[key(name)](F.conv2d(x, weight, None, stride, before, 1, groups))
                x = x if kind == "linear" else F.relu(x)
            outputs[name] = x
        return self.dense(F.avg_pool2d(x, x.shape[2]).flatten(1))


def key(name):
    return name.replace("/", "_")


def augmented(images, generator):
    """Images mirrored by half and moved by up to one pixel."""
    flip = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(flip[:, None, None, None], images.flip(2), images)
    dx, dy = torch.randint(-1, 2, (2,), generator=generator).tolist()
    return torch.roll(images, (dy, dx), (1, 2))


def train(images, labels, epochs):
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    network, batch = Network().to(memory_format=torch.channels_last), 128
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=2e-4,
                                nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps, pct_start=0.2)
    for epoch in range(epochs):
        order, total = torch.randperm(len(images), generator=generator), 0.0
        for begin in range(0, len(order) - batch + 1, batch):
            chosen = order[begin:begin + batch]
            logits = network(augmented(images[chosen], generator))
            loss = F.cross_entropy(logits, labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / (len(order) // batch):.4f}", flush=True)
    return network.eval()


def accuracy(network, images, labels):
    with torch.no_grad():
        predicted = torch.cat([network(part).argmax(1) for part in images.split(1000)])
    return (predicted == labels).float().mean().item()


def graph_messages():
    """Module of the messages in proto/graph.proto, compiled in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        # Under another name: Torch has a graph.proto of its own in the same registry.
        shutil.copy(os.path.join(HERE, "..", "..", "proto", "graph.proto"),
                    os.path.join(folder, "adze_graph.proto"))
        subprocess.run(["protoc", f"-I{folder}", f"--python_out={folder}", "adze_graph.proto"],
                       check=True)
        sys.path.insert(0, folder)
        return importlib.import_module("adze_graph_pb2")


class GraphWriter:
    """Builds a GraphDef; every method adds nodes and returns the name of the last."""

    def __init__(self):
        self.pb = graph_messages()
        self.graph = self.pb.GraphDef()
        self.graph.versions.producer = 134  # TensorFlow 1.15

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
        constant = self.constant(name, value.detach().numpy().astype(np.float32))
        return self.op(name + "/read", "Identity", [constant])

    def op(self, name, op, inputs, **attrs):
        return self.node(name, op, inputs, T=("type", self.pb.DT_FLOAT), **attrs)

    def convolution(self, name, kind, weight, stride, data):
        # Torch: [out, in / groups, h, w]; TensorFlow: [h, w, in, out], depthwise [h, w, in, 1].
        depthwise = kind == "depthwise"
        order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        weight = self.variable(name + "/weights", weight.permute(order))
        return self.op(name + "/conv", "DepthwiseConv2dNative" if depthwise else "Conv2D",
                       [data, weight], strides=("ints", [1, stride, stride, 1]),
                       padding=("s", b"SAME"), data_format=("s", b"NHWC"),
                       dilations=("ints", [1, 1, 1, 1]))

    def batch_norm(self, name, norm, data):
        parameters = {"gamma": norm.weight, "beta": norm.bias, "moving_mean": norm.running_mean,
                      "moving_variance": norm.running_var}
        inputs = [self.variable(f"{name}/batch_norm/{part}", value)
                  for part, value in parameters.items()]
        return self.op(name + "/batch_norm", "FusedBatchNormV3", [data] + inputs,
                       U=("type", self.pb.DT_FLOAT), epsilon=("f", EPSILON),
                       data_format=("s", b"NHWC"), is_training=("b", False))

    def network(self, network):
        x, outputs, size = self.placeholder("image", (-1, 28, 28, 1)), {}, 28
        for name, kind, out, stride in LAYERS:
            if kind == "add":
                x = self.op(name + "/relu", "Relu", [self.op(name, "AddV2", [x, outputs[out]])])
            else:
                x = self.convolution(name, kind, network.weights[key(name)], stride, x)
                x = self.batch_norm(name, network.norms[key(name)], x)
                x = x if kind == "linear" else self.op(name + "/relu", "Relu", [x])
                size //= stride
            outputs[name] = x
        window = ("ints", [1, size, size, 1])
        x = self.op("pool", "AvgPool", [x], ksize=window, strides=window, padding=("s", b"VALID"),
                    data_format=("s", b"NHWC"))
        flat = self.constant("flatten/shape", np.array([-1, network.dense.in_features], np.int32))
        x = self.op("flatten", "Reshape", [x, flat], Tshape=("type", self.pb.DT_INT32))
        weight = self.variable("dense/weights", network.dense.weight.t())
        x = self.op("dense/matmul", "MatMul", [x, weight], transpose_a=("b", False),
                    transpose_b=("b", False))
        bias = self.variable("dense/bias", network.dense.bias)
        x = self.op("logits", "BiasAdd", [x, bias], data_format=("s", b"NHWC"))
        self.op("probabilities", "Softmax", [x])
        return self.graph

    def placeholder(self, name, dims):
        return self.node(name, "Placeholder", dtype=("type", self.pb.DT_FLOAT),
                         shape=("shape", self.shape(dims)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--output", default=os.path.join(HERE, "fashion_mnist.pb"))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1, help="more sum in another order")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    def load(part):
        images = read_idx(f"{args.data}/{part}-images-idx3-ubyte.gz")
        labels = read_idx(f"{args.data}/{part}-labels-idx1-ubyte.gz")
        return (torch.from_numpy(images[..., None].astype(np.float32) / 255),
                torch.from_numpy(labels.astype(np.int64)))

    network = train(*load("train"), args.epochs)
    print(f"test accuracy: {accuracy(network, *load('t10k')):.4f}")
    graph = GraphWriter().network(network).SerializeToString(deterministic=True)
    with open(args.output, "wb") as file:
        file.write(graph)
    print(f"{args.output}: {len(graph)} bytes")


if __name__ == "__main__":
    main()
