"""Converts the float classifiers of bench/session to ONNX, as an exporter would: NCHW inside, biases
within the convolutions. Refuses ops that these models do not have.

usage: graph_to_onnx.py MODEL.pb MODEL.onnx
"""
import sys

import numpy

import onnx_writer as onnx
from graph_def import read_graph_def


class Converter:
    def __init__(self, graph):
        self.nodes = {node.name: node for node in graph.node}
        self.order = graph.node
        self.readers = {}
        for node in graph.node:
            for name in node.input:
                self.readers.setdefault(name.split(':')[0], []).append(node)
        self.out, self.initializers, self.done = [], [], set()

    def constant(self, name):
        node = self.nodes[name]
        while node.op == 'Identity':
            node = self.nodes[node.input[0]]
        proto = node.attr['value'].tensor
        dtype = {1: numpy.float32, 3: numpy.int32, 6: numpy.int8, 23: numpy.uint64}[proto.dtype]
        shape = [dim.size for dim in proto.tensor_shape.dim]
        if proto.tensor_content:
            return numpy.frombuffer(proto.tensor_content, dtype).reshape(shape)
        values = proto.float_val if proto.dtype == 1 else proto.int_val
        return numpy.full(shape, values[0], dtype) if len(values) == 1 else numpy.array(
            values, dtype).reshape(shape)

    def initializer(self, name, array):
        self.initializers.append(onnx.tensor(name, array))
        return name

    def add(self, op, inputs, name, **attributes):
        self.out.append(onnx.node(op, inputs, [name], **attributes))

    OPSET = 11

    def convert(self):
        source = result = None
        for node in self.order:
            if node.op in ('Const', 'NoOp') or node.name in self.done:
                continue
            handler = getattr(self, 'convert_' + node.op, None)
            if not handler:
                raise SystemExit(f'node {node.name}: no conversion of {node.op}')
            handler(node)
            if node.op == 'Placeholder':
                source = node
            if node.name not in self.readers:
                result = node.name
        dims = [dim.size for dim in source.attr['shape'].shape.dim]
        return onnx.model(self.out, self.initializers,
                          [onnx.value_info(source.name + '_nhwc', ['N'] + dims[1:])],
                          [onnx.value_info(result, [])], self.OPSET)

    def convert_Placeholder(self, node):
        self.add('Transpose', [node.name + '_nhwc'], node.name, perm=[0, 3, 1, 2])

    @staticmethod
    def window(node, kernel):
        attributes = {'strides': list(node.attr['strides'].list.i)[1:3], 'kernel_shape': kernel}
        if node.attr['padding'].s == b'SAME':
            # As TensorFlow does where the stride divides the side of the image, which holds here.
            total = [max(k - s, 0) for k, s in zip(kernel, attributes['strides'])]
            attributes['pads'] = [t // 2 for t in total] + [t - t // 2 for t in total]
        return attributes

    def convolution(self, node, weights, group):
        name, inputs = node.name, [node.input[0], self.initializer(node.name + '_w', weights)]
        readers = self.readers.get(name, [])
        if len(readers) == 1 and readers[0].op == 'BiasAdd':
            bias = readers[0]
            inputs.append(self.initializer(name + '_b', self.constant(bias.input[1])))
            self.done.add(bias.name)
            name = bias.name
        self.add('Conv', inputs, name, group=group, **self.window(node, weights.shape[2:]))

    def convert_Conv2D(self, node):
        self.convolution(node, self.constant(node.input[1]).transpose(3, 2, 0, 1), 1)

    def convert_DepthwiseConv2dNative(self, node):
        weights = self.constant(node.input[1])
        height, width, channels, multiplier = weights.shape
        if multiplier != 1:
            raise SystemExit('no conversion of a channel multiplier')
        self.convolution(node, weights.transpose(2, 3, 0, 1), channels)

    def pool(self, node, op):
        self.add(op, [node.input[0]], node.name,
                 **self.window(node, list(node.attr['ksize'].list.i)[1:3]))

    def convert_MaxPool(self, node):
        self.pool(node, 'MaxPool')

    def convert_AvgPool(self, node):
        self.pool(node, 'AveragePool')

    def convert_Pad(self, node):
        widths = self.constant(node.input[1])[[0, 3, 1, 2]].T.reshape(-1).astype(numpy.int64)
        self.add('Pad', [node.input[0], self.initializer(node.name + '_w', widths)], node.name)

    def convert_Mean(self, node):
        self.add('ReduceMean', [node.input[0]], node.name, axes=[2, 3],
                 keepdims=int(node.attr['keep_dims'].b))

    def convert_Squeeze(self, node):
        self.add('Squeeze', [node.input[0]], node.name, axes=[2, 3])

    def convert_Reshape(self, node):
        shape = self.constant(node.input[1]).astype(numpy.int64)
        shape = numpy.concatenate([[-1], shape[1:]])
        self.add('Reshape', [node.input[0], self.initializer(node.name + '_s', shape)], node.name)

    def convert_MatMul(self, node):
        weights = self.constant(node.input[1])
        inputs = [node.input[0], self.initializer(node.name + '_w', weights)]
        readers, name = self.readers.get(node.name, []), node.name
        if len(readers) == 1 and readers[0].op == 'BiasAdd':
            inputs.append(self.initializer(name + '_b', self.constant(readers[0].input[1])))
            name = readers[0].name
            self.done.add(name)
        self.add('Gemm', inputs, name, transB=int(node.attr['transpose_b'].b))

    def binary(self, node, op):
        inputs = list(node.input)
        if self.nodes[inputs[1]].op == 'Const':
            inputs[1] = self.initializer(node.name + '_c', self.constant(inputs[1]).reshape(-1, 1, 1))
        self.add(op, inputs, node.name)

    def convert_AddV2(self, node):
        self.binary(node, 'Add')

    convert_Add = convert_AddV2
    convert_BiasAdd = convert_AddV2

    def convert_Relu6(self, node):
        bounds = [self.initializer(f'{node.name}_{bound}', numpy.array(bound, numpy.float32))
                  for bound in (0, 6)]
        self.add('Clip', [node.input[0]] + bounds, node.name)

    def convert_Relu(self, node):
        self.add('Relu', [node.input[0]], node.name)

    def convert_Softmax(self, node):
        self.add('Softmax', [node.input[0]], node.name, axis=1)

    def convert_Identity(self, node):
        self.add('Identity', [node.input[0]], node.name)


def main():
    model = Converter(read_graph_def(sys.argv[1])).convert()
    with open(sys.argv[2], 'wb') as file:
        file.write(model)


if __name__ == '__main__':
    main()
