"""What the scripts of this folder share: running adze, and models with data to measure."""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FASHION = Path("/usr/share/datasets/fashion-mnist")
# How decomposed models get accuracy back without labels, in the pages that tell of them.
DISTIL = {
    "resnet50_v1": ["--steps", "16", "--batch-size", "16", "--flip", "--learning-rate", "1e-4"],
    "Fashion-MNIST example": ["--epochs", "1", "--batch-size", "64", "--learning-rate", "2e-3"],
}
PREPROCESS = {"RGB x/127.5-1": "tf", "BGR minus (103.939,116.779,123.68)": "caffe"}


def run_adze(args, *words):
    command = [str(args.adze), *map(str, words), "--json"]
    print("$", *command, file=sys.stderr)
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        sys.exit(f"adze {words[0]} ended with {result.returncode}")
    return json.loads(result.stdout)


def fashion_mnist():
    """What to run, as one entry of the list that main() walks."""
    def data(part):
        return ["--data", f"image={FASHION}/{part}-images-idx3-ubyte.gz", "--preprocess", "unit"]
    return {
        "title": "Fashion-MNIST example",
        "model": ROOT / "examples/fashion_mnist/fashion_mnist.pb",
        "calibration": [*data("train"), "--batch-size", "32", "--batch-num", "8"],
        "evaluation": [*data("t10k"), "--labels", FASHION / "t10k-labels-idx1-ubyte.gz",
                       "--batch-size", "100"],
    }


def imagenet(shared):
    """Every model of the development folder whose accuracy TensorFlow has been measured for."""
    models = json.loads((shared / "models/models.json").read_text())
    cache = Path(os.environ.get("ADZE_CACHE", Path.home() / ".cache/adze"))
    for name, facts in models.items():
        if facts.get("tf115_top1") is None:
            continue
        model = shared / "models" / name / "model.pb"
        how = ["--preprocess", PREPROCESS[facts["preprocess"]], "--batch-size", "8"]
        evaluated = shared / "images/eval"
        yield {
            "title": name,
            "model": model if model.exists() else cache / f"{name}.pb",
            "calibration": ["--images", shared / "images/calibration", *how],
            "evaluation": ["--images", evaluated, "--labels", evaluated / "labels.txt",
                           "--label-offset", facts["label_offset"], *how],
            "tensorflow": facts["tf115_top1"],
        }


def add_arguments(parser):
    parser.add_argument("--adze", type=Path, default=ROOT / "build/adze")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", nargs="+", help="titles of the models to run")


def chosen(args):
    """The models to run: those that are named and whose file is there."""
    entries = [fashion_mnist()]
    if args.shared.is_dir():
        entries += imagenet(args.shared)
    for entry in entries:
        if args.only and entry["title"] not in args.only:
            continue
        if not entry["model"].exists():
            print(f"no {entry['model']}, left out", file=sys.stderr)
            continue
        yield entry


def table(header, rows, text_columns=1):
    """Markdown; columns behind the first ones are aligned to the right."""
    rule = ["---"] * text_columns + ["--:"] * (len(header) - text_columns)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *rows])


def rows_between(path, begin, end):
    """The rows of the table that is there."""
    lines = path.read_text().split(begin)[1].split(end)[0].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def replace_between(path, begin, end, text):
    before, rest = path.read_text().split(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")
