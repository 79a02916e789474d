"""Encodes the few ONNX messages that bench/graph_to_onnx.py and bench/quantized_to_onnx.py need."""
import struct

import numpy


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def integer(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, value):
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, array):
    kind = {'float32': 1, 'uint8': 2, 'int8': 3, 'int32': 6, 'int64': 7}[str(array.dtype)]
    dims = b''.join(integer(1, size) for size in array.shape)
    return dims + integer(2, kind) + chunk(8, name) + chunk(9, numpy.ascontiguousarray(array).tobytes())


def attribute(name, value):
    if isinstance(value, float):
        return chunk(1, name) + varint(2 << 3 | 5) + struct.pack('<f', value) + integer(20, 1)
    if isinstance(value, int):
        return chunk(1, name) + integer(3, value) + integer(20, 2)
    return chunk(1, name) + b''.join(integer(8, item) for item in value) + integer(20, 7)


def node(op, inputs, outputs, **attributes):
    return (b''.join(chunk(1, name) for name in inputs) +
            b''.join(chunk(2, name) for name in outputs) + chunk(4, op) +
            b''.join(chunk(5, attribute(*item)) for item in attributes.items()))


def value_info(name, shape):
    dims = b''.join(chunk(1, chunk(2, d) if isinstance(d, str) else integer(1, d)) for d in shape)
    kind = integer(1, 1) + (chunk(2, dims) if shape else b'')
    return chunk(1, name) + chunk(2, chunk(1, kind))


def model(nodes, initializers, inputs, outputs, opset):
    graph = (b''.join(chunk(1, n) for n in nodes) + chunk(2, 'graph') +
             b''.join(chunk(5, t) for t in initializers) + b''.join(chunk(11, i) for i in inputs) +
             b''.join(chunk(12, o) for o in outputs))
    return integer(1, 7) + chunk(7, graph) + chunk(8, integer(2, opset))
