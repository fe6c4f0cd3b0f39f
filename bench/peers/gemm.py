"""Rate of matrix products with LibTorch (as PyTorch ships it): what the work of an encoder can at best run at on this machine.

    python bench/peers/gemm.py --threads 2        (a process of the line protocol; bench/gemm.mjs is the program to run)
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "bench"))
import protocol  # noqa: E402

# Rows x inner x columns of the largest products in WavLM Base and Large at 10 s, and a square one.
SHAPES = [(499, 768, 3072), (499, 3072, 768), (499, 1024, 4096), (499, 4096, 1024), (8000, 1536, 512), (2048, 2048, 2048)]


def products(torch, left, weight):
    """The ways in which LibTorch multiplies by a constant matrix, by name; those that it has not here are left out."""
    rows = left.shape[0]
    ways = {"mm": lambda: torch.mm(left, weight.t())}

    def packed_mkl():
        packed = torch.ops.mkl._mkl_reorder_linear_weight(weight.to_mkldnn(), rows)
        return lambda: torch.ops.mkl._mkl_linear(left, packed, weight, None, rows)

    def packed_onednn():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        return lambda: torch.ops.mkldnn._linear_pointwise(left, packed, None, "none", [], "")

    for name, make in (("mkl packed", packed_mkl), ("oneDNN packed", packed_onednn)):
        try:
            way = make()
            way()
            ways[name] = way
        except Exception:  # absent from this build, or not for this type
            continue
    return ways


def load(arguments):
    import torch

    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    types = {"fp32": torch.float32, "bf16": torch.bfloat16}
    made = {}
    for precision in arguments.precisions.split(","):
        for rows, inner, columns in SHAPES:
            left = torch.randn(rows, inner).to(types[precision])
            weight = torch.randn(columns, inner).to(types[precision])
            for way, call in products(torch, left, weight).items():
                made[precision, rows, inner, columns, way] = call

    def run(seconds=1.0):
        """Best rate of each product; all of them together take about so many seconds, each being tried once at least."""
        rates = []
        for (precision, rows, inner, columns, way), call in made.items():
            call()
            best, spent = float("inf"), 0.0
            while spent == 0.0 or spent < seconds / len(made):
                started = time.perf_counter()
                call()
                elapsed = time.perf_counter() - started
                best, spent = min(best, elapsed), spent + elapsed
            gflops = 2 * rows * inner * columns / best / 1e9
            rates.append({"precision": precision, "shape": [rows, inner, columns], "way": way, "gflops": gflops})
        return {"rates": rates}

    facts = {
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
    return facts, {"run": run}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precisions", default="fp32")
    options = parser.parse_args()
    protocol.serve(lambda: load(options))
