#!/usr/bin/python3
"""Writes the checkpoints of this folder with the real TensorFlow 1.15.

usage: PYTHONPATH=.../shared/tools make_checkpoints.py    (needs protoc and python3-protobuf)
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
from tensorflow_oracle import Graph

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '../../..')
with tempfile.TemporaryDirectory() as out:
    subprocess.run(['protoc', '-I' + ROOT + '/proto', '--python_out=' + out, 'graph.proto'],
                   check=True)
    sys.path.insert(0, out)
    import graph_pb2

NUMBERS = np.arange(6).reshape(2, 3) * 5 + 1
TYPES = {'float': (1, np.float32), 'double': (2, np.float64), 'int32': (3, np.int32),
         'uint8': (4, np.uint8), 'int16': (5, np.int16), 'int8': (6, np.int8),
         'int64': (9, np.int64), 'uint16': (17, np.uint16), 'half': (19, np.float16),
         'uint32': (22, np.uint32), 'uint64': (23, np.uint64)}


class Builder:
    def __init__(self):
        self.graph = graph_pb2.GraphDef()

    def const(self, name, value, dtype):
        node = self.graph.node.add(name=name, op='Const')
        node.attr['dtype'].type = dtype
        tensor = node.attr['value'].tensor
        tensor.dtype = dtype
        for size in np.shape(value):
            tensor.tensor_shape.dim.add(size=size)
        if dtype == 7:
            tensor.string_val.extend(np.ravel(np.array(value, dtype=object)).tolist())
        else:
            tensor.tensor_content = np.asarray(value).tobytes()

    def save(self, name, prefix, names, slices, tensors):
        for part, value in ('names', names), ('slices', slices):
            self.const(name + '/' + part, [v.encode() for v in value], 7)
        self.const(name + '/prefix', os.path.join(HERE, prefix).encode(), 7)
        node = self.graph.node.add(name=name, op='SaveV2')
        node.input.extend([name + '/prefix', name + '/names', name + '/slices'] + tensors)
        types = {n.name: n.attr['dtype'].type for n in self.graph.node if n.op == 'Const'}
        node.attr['dtypes'].list.type.extend(types[t] for t in tensors)


b = Builder()
for name, (dtype, numpy_type) in TYPES.items():
    b.const(name, NUMBERS.astype(numpy_type), dtype)
b.const('bool', NUMBERS % 2 == 0, 10)
# bfloat16 is the upper half of float32.
b.const('bfloat16', (NUMBERS.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16), 14)
b.const('string', [b'', b'two', b'a\0b'], 7)
b.const('scalar', np.float32(2.5), 1)
b.const('empty', np.zeros((0, 3), np.float32), 1)
every = sorted(list(TYPES) + ['bool', 'bfloat16', 'string', 'scalar', 'empty'])  # the order of the data file
b.save('types', 'types', every, [''] * len(every), every)

whole = np.arange(800, dtype=np.float32).reshape(200, 4)
b.const('part0', whole[:70], 1)
b.const('part1', whole[70:, :1], 1)
b.const('part2', whole[70:, 1:], 1)
b.const('small', np.float32([1, 2]), 1)
b.save('shard0', 'sharded_part0', ['whole', 'whole'], ['200 4 0,70:-', '200 4 70,130:0,1'],
       ['part0', 'part1'])
b.save('shard1', 'sharded_part1', ['whole', 'small'], ['200 4 70,130:1,3', ''],
       ['part2', 'small'])
b.const('merge/parts', [os.path.join(HERE, p).encode() for p in ('sharded_part0', 'sharded_part1')],
        7)
b.const('merge/prefix', os.path.join(HERE, 'sharded').encode(), 7)
merge = b.graph.node.add(name='merge', op='MergeV2Checkpoints')
merge.input.extend(['merge/parts', 'merge/prefix', '^shard0', '^shard1'])
merge.attr['delete_old_dirs'].b = False

Graph(b.graph.SerializeToString()).run({}, [], ['types', 'merge'])
