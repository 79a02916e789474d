"""Reads a GraphDef with the messages of proto/graph.proto."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def read_graph_def(path):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['protoc', '-I' + os.path.join(ROOT, 'proto'), '--python_out=' + folder,
                        'graph.proto'], check=True)
        sys.path.insert(0, folder)
        try:
            import graph_pb2
        except ModuleNotFoundError as error:
            sys.exit(f'{error}; apt-get install python3-protobuf')
        sys.path.pop(0)
    graph = graph_pb2.GraphDef()
    with open(path, 'rb') as file:
        graph.ParseFromString(file.read())
    return graph
