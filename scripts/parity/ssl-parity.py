"""Compares the native wav2vec2, HuBERT and WavLM encoders with transformers on full-size models with random weights.

    pip install torch transformers safetensors
    cmake -S . -B build -DLIBTORCH_DIR=... && cmake --build build --target ssl_parity
    python scripts/parity/ssl-parity.py --program build/ssl_parity [--shape wavlm-base] [--threads 2]

transformers runs each sound alone in float32; every hidden state is compared, with the sounds in one packed batch and one by
one. Exits with 1 where a hidden state differs by more than 1e-5 of the largest value in it (at least 1), or bf16's cosine is
under 0.9998.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

LENGTHS = [400, 719, 720, 8000, 49321, 160000, 320000]

LARGE = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
SHAPES = {
    "wavlm-base": ("wavlm", dict()),
    "hubert-base": ("hubert", dict()),
    "wavlm-large": ("wavlm", dict(feat_extract_norm="layer", do_stable_layer_norm=True, **LARGE)),
    "hubert-large": ("hubert", dict(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, **LARGE)),
    "wav2vec2-large": ("wav2vec2", dict(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, **LARGE)),
}


def fixtures():
    path = Path(__file__).resolve().parent.parent / "fixtures" / "ssl-fixtures.py"
    spec = importlib.util.spec_from_file_location("ssl_fixtures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def randomise(model, generator):
    """As transformers initialises, but norms and biases away from ones and zeros, and WavLM's biases of a real size."""
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator)
            if name.endswith("rel_attn_embed.weight"):
                p.copy_(noise)
            elif "norm.weight" in name or "gru_rel_pos_const" in name or name.endswith("original0"):
                p.add_(0.1 * noise * p.abs().mean())
            elif name.endswith("bias"):
                p.add_(0.05 * noise)


def run(shape, args, common):
    kind, settings = SHAPES[shape]
    config_class, model_class = common.CLASSES[kind]
    config = config_class(**settings)
    torch.manual_seed(1)
    model = model_class(config).eval()
    generator = torch.Generator().manual_seed(2)
    randomise(model, generator)
    normalize = config.feat_extract_norm == "layer"
    cases, largest, seconds = {}, 1.0, None
    with torch.inference_mode():
        for b, samples in enumerate(LENGTHS):
            wave = common.sound(samples, b, generator)
            inputs = common.prepare(wave, normalize)[None]
            if samples == 160000:
                times = []
                for _ in range(3):
                    start = time.perf_counter()
                    model(inputs)
                    times.append(time.perf_counter() - start)
                seconds = min(times)
            result = model(inputs, output_hidden_states=True)
            cases[f"wave.{b}"] = wave
            for n, state in enumerate(result.hidden_states):
                cases[f"state.{b}.{n}"] = state[0].clone()
                largest = max(largest, state.abs().max().item())
            cases[f"last.{b}"] = result.last_hidden_state[0].clone()
    line = " ".join(
        f"{k}={v}"
        for k, v in dict(
            family=kind,
            conv_bias=int(config.conv_bias),
            group_norm=int(not normalize),
            pre_norm=int(config.do_stable_layer_norm),
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            feed_forward=config.intermediate_size,
        ).items()
    )
    good = True
    with tempfile.TemporaryDirectory() as folder:
        model_file, case_file = Path(folder) / "model.safetensors", Path(folder) / "cases.safetensors"
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, model_file)
        save_file(cases, case_file)
        parameters = sum(p.numel() for p in model.parameters())
        del model, cases
        for precision in ("fp32", "bf16"):
            output = subprocess.run([args.program, line, model_file, case_file, precision, str(args.threads)], check=True,
                                    capture_output=True, text=True).stdout
            found = {k: float(v) for k, v in (row.split() for row in output.splitlines())}
            if precision == "fp32":
                good &= max(found["packed_worst"], found["alone_worst"]) <= 1e-5 * largest
            else:
                good &= min(found["packed_cosine"], found["alone_cosine"]) >= 0.9998
            print(shape, f"{parameters / 1e6:.1f}M", precision, found, f"largest value {largest:.3g}",
                  f"transformers 10 s: {1000 * seconds:.0f} ms" if seconds else "", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--shape", choices=list(SHAPES), action="append")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    common = fixtures()
    good = [run(shape, args, common) for shape in args.shape or SHAPES]
    print("all hold" if all(good) else "FAILED")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
