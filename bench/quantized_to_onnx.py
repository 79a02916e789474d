"""Converts the deployable graphs of bench/int8 to ONNX with QuantizeLinear and DequantizeLinear, the
form that ONNX Runtime turns into int8: the same integers and scales. Where ONNX Runtime would leave
a layer in float because its result is not quantized (the addends of a skip path, the last layer),
the result is quantized too, with the scale of what reads it.

usage: quantized_to_onnx.py MODEL_quantized.pb MODEL.onnx
"""
import sys

import numpy

import onnx_writer as onnx
from graph_def import read_graph_def
from graph_to_onnx import Converter


class QuantizedConverter(Converter):
    OPSET = 13

    def __init__(self, graph):
        super().__init__(graph)
        self.quantized = {}  # value -> its dequantized form

    def source(self, name):
        """The node of a value, looking through AscendDequant, which the conversion leaves out."""
        return self.nodes[name.split(':')[0]]

    def only_reader(self, name, op):
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and readers[0].op == op else None

    def scale_behind(self, name):
        """Scale and zero point of the first AscendQuant behind a value; something else if none."""
        seen, waiting = set(), [name]
        while waiting:
            for node in self.readers.get(waiting.pop(0), []):
                if node.op == 'AscendQuant':
                    return self.parameters(node)
                if node.name not in seen:
                    seen.add(node.name)
                    waiting.append(node.name)
        return numpy.float32(0.1), numpy.uint8(128)

    @staticmethod
    def parameters(quant):
        return (numpy.float32(1 / quant.attr['scale'].f),
                numpy.uint8(quant.attr['offset'].f + 128))

    def quantize(self, value, scale, zero_point, name):
        if value in self.quantized:
            return self.quantized[value]
        inputs = [self.initializer(name + '_scale', scale), self.initializer(name + '_zero', zero_point)]
        self.add('QuantizeLinear', [value] + inputs, name + '_q')
        self.add('DequantizeLinear', [name + '_q'] + inputs, name + '_dq')
        self.quantized[value] = name + '_dq'
        return name + '_dq'

    def convert_AscendQuant(self, node):
        self.add('Identity', [self.quantize(node.input[0], *self.parameters(node), node.name)], node.name)

    def convert_AscendWeightQuant(self, node):
        pass

    def convert_Cast(self, node):
        pass

    def convert_AscendDequant(self, node):
        self.add('Identity', [node.input[0]], node.name)

    def dequantized(self, name, array, scales):
        """A constant of integers as float32, a scale for each of its first axis."""
        zeros = numpy.zeros(scales.shape, array.dtype)
        self.add('DequantizeLinear',
                 [self.initializer(name + '_i', array), self.initializer(name + '_s', scales),
                  self.initializer(name + '_z', zeros)], name + '_dq', axis=0)
        return name + '_dq'

    def layer(self, node, weights, op, **attributes):
        """weights: int8, output channels first."""
        scale, _ = self.parameters(self.nodes[node.input[0]])
        bias = self.only_reader(node.name, 'BiasAdd')
        dequant = self.only_reader(bias.name if bias else node.name, 'AscendDequant')
        deq_scale = self.constant(dequant.input[1]).astype(numpy.uint32).view(numpy.float32)
        deq_scale = numpy.broadcast_to(deq_scale, weights.shape[:1]).copy()
        inputs = [node.input[0], self.dequantized(node.name + '_w', weights, deq_scale / scale)]
        if bias:
            integers = self.constant(self.nodes[bias.input[1]].input[0])
            inputs.append(self.dequantized(node.name + '_b', integers, deq_scale))
            self.done.add(bias.name)
        self.done.add(dequant.name)
        self.add(op, inputs, dequant.name, **attributes)
        return dequant.name

    def convolution(self, node, weights, group):
        pads = self.window(node, weights.shape[2:])
        around = self.padding.get(node.input[0])
        if around is not None:
            pads['pads'] = around
        name = self.layer(node, weights, 'Conv', group=group, **pads)
        readers = self.readers.get(name, [])
        if not any(reader.op in ('Relu', 'Relu6', 'AscendQuant', 'Add', 'AddV2') for reader in readers):
            self.quantized[name] = self.quantize(name, *self.scale_behind(name), name)

    def convert_Conv2D(self, node):
        self.convolution(node, self.integers(node).transpose(3, 2, 0, 1), 1)

    def convert_DepthwiseConv2dNative(self, node):
        weights = self.integers(node)
        self.convolution(node, weights.transpose(2, 3, 0, 1), weights.shape[2])

    def integers(self, node):
        return self.constant(self.nodes[node.input[1]].input[0])

    def convert_MatMul(self, node):
        self.layer(node, self.integers(node).T, 'Gemm', transB=1)

    # A Pad in front of a window is the window's padding: of the quantized input, and of values that
    # are not negative.
    padding = {}

    def convert_Pad(self, node):
        widths = self.constant(node.input[1])
        self.add('Identity', [node.input[0]], node.name)
        around = [int(w) for w in (*widths[1:3, 0], *widths[1:3, 1])]
        for reader in self.readers[node.name]:
            self.padding[node.name] = self.padding[reader.name] = around

    def convert_MaxPool(self, node):
        value = self.quantize(node.input[0], *self.scale_behind(node.name), node.name)
        pads = self.window(node, list(node.attr['ksize'].list.i)[1:3])
        if node.input[0] in self.padding:
            pads['pads'] = self.padding[node.input[0]]
        self.add('MaxPool', [value], node.name, **pads)

    def binary(self, node, op):
        inputs = []
        for i, value in enumerate(node.input):
            quants = [r for r in self.readers[value] if r.op == 'AscendQuant']
            if quants:
                scale, zero = self.parameters(quants[0])
            else:
                scale, zero = self.scale_behind(node.name)
                zero = numpy.uint8(128)
            inputs.append(self.quantize(value, scale, zero, f'{node.name}_{i}'))
        self.add(op, inputs, node.name)

    def convert_AddV2(self, node):
        self.binary(node, 'Add')

    convert_Add = convert_AddV2

    def convert_Squeeze(self, node):
        axes = self.initializer(node.name + '_a', numpy.array([2, 3], numpy.int64))
        self.add('Squeeze', [node.input[0], axes], node.name)


def main():
    model = QuantizedConverter(read_graph_def(sys.argv[1])).convert()
    with open(sys.argv[2], 'wb') as file:
        file.write(model)


main()
