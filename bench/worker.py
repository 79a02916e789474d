"""The processes that bench/session and bench/int8 measure, and what starts them."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get('ADZE_SHARED', os.path.join(ROOT, '..', 'shared'))
CACHE = os.environ.get('ADZE_CACHE', os.path.expanduser('~/.cache/adze'))
WORK = os.path.join(CACHE, 'bench')
PROGRAM = os.environ.get('ADZE_SESSION_BENCH', os.path.join(ROOT, 'build/bench/session_bench'))


class Worker:
    """An engine with a model, waiting for lines on its standard input. All workers of so many
    threads run on the same cores: another core may be slower for minutes."""

    def __init__(self, command, batch, threads):
        command = [*map(str, command), str(batch), str(threads)]
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        environment = dict(os.environ, NODE_PATH=os.path.join(CACHE, 'node/node_modules'),
                           PYTHONPATH=os.path.join(SHARED, 'tools'))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        if self.process.stdout.readline().strip() != 'ready':
            raise RuntimeError(f'it did not start: {" ".join(command)}')

    def ask(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]

    def resident_megabytes(self):
        with open(f'/proc/{self.process.pid}/status') as status:
            return next(int(l.split()[1]) / 1024 for l in status if l.startswith('VmRSS'))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def has_onnxruntime():
    folder = os.path.join(CACHE, 'node')
    if os.path.exists(os.path.join(folder, 'node_modules/onnxruntime-node')):
        return True
    os.makedirs(folder, exist_ok=True)
    environment = dict(os.environ, ONNXRUNTIME_NODE_INSTALL='skip')
    done = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', 'onnxruntime-node'],
                          cwd=folder, env=environment, stdout=sys.stderr)
    return done.returncode == 0
