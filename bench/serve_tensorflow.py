"""TensorFlow 1.15 in bench/session: see session_bench.cc for what it is told and answers.

usage: serve_tensorflow.py MODEL.pb BATCH THREADS
"""
import sys
import time

import numpy
import tensorflow_oracle

from graph_def import read_graph_def


def main():
    path, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    nodes = read_graph_def(path).node
    read = {name.split(':')[0].lstrip('^') for node in nodes for name in node.input}
    source = next(node.name for node in nodes if node.op == 'Placeholder')
    result = next(n.name for n in nodes if n.name not in read and n.op not in ('Const', 'NoOp'))
    graph = tensorflow_oracle.Graph.from_pb(path, threads=threads)
    image = numpy.random.uniform(-1, 1, (batch, 224, 224, 3)).astype(numpy.float32)
    graph.run({source: image}, [result])
    print('ready', flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            graph.run({source: image}, [result])
            times.append((time.perf_counter() - start) * 1e3)
        print(' '.join(f'{t:.3f}' for t in times), flush=True)


main()
