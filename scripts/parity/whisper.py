"""Compares the native Whisper encoder with transformers, on a real checkpoint and real sound.

    cmake --build BUILD --target whisper_parity
    python scripts/parity/whisper.py BUILD/whisper_parity ../shared/models/whisper-tiny.en ../shared/corpora/ravdess [clips] [runs]

Needs torch, transformers, safetensors and soundfile. With `runs`, times both sides as well. The spectrogram is compared with
transformers' float64 way, and with its float32 way, which is itself off by the figure in the last column. Exits 1 where a
spectrogram is over 1e-5 or a hidden state over 1e-4 (of 1, or of the state's largest value where that is more) from what
transformers computes in float64; how far its own float32 is from that stands beside it.
"""

import glob
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder


def load_encoder(folder):
    """The encoder in float32, whatever the checkpoint's type is; decoders are left out."""
    encoder = WhisperEncoder(WhisperConfig.from_pretrained(folder))
    prefix = "model.encoder."
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    encoder.load_state_dict({k[len(prefix):]: v.float() for k, v in tensors.items() if k.startswith(prefix)})
    return encoder.eval()


@torch.no_grad()
def run(encoder, features):
    h = F.gelu(encoder.conv1(features))
    h = F.gelu(encoder.conv2(h)).permute(0, 2, 1)
    h = h + encoder.embed_positions.weight[: h.shape[1]]
    states = [h]
    for layer in encoder.layers:
        h = layer(h, None)
        h = h[0] if isinstance(h, tuple) else h
        states.append(h)
    return states, encoder.layer_norm(h)


def main():
    program, model, corpus = sys.argv[1:4]
    clips = int(sys.argv[4]) if len(sys.argv) > 4 else 8
    runs = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    paths = sorted(glob.glob(os.path.join(corpus, "**", "*.flac"), recursive=True))
    paths = paths[:: max(1, len(paths) // clips)][:clips]
    sounds = []
    for path in paths:
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == 16000, path
        sounds.append(x.mean(axis=1).astype(np.float32))
    extractor = WhisperFeatureExtractor.from_pretrained(model)
    encoder = load_encoder(model)
    with tempfile.TemporaryDirectory() as scratch:
        waves, out = os.path.join(scratch, "waves.safetensors"), os.path.join(scratch, "out.safetensors")
        save_file({"samples": torch.from_numpy(np.concatenate(sounds)), "lengths": torch.tensor([len(x) for x in sounds])}, waves)
        subprocess.run([program, os.path.join(model, "model.safetensors"), waves, out] + ([str(runs)] if runs else []), check=True)
        found = load_file(out)

    print(f"{len(sounds)} clips, {sum(map(len, sounds)) / 16000:.1f} s")
    failed = False

    def report(name, gap, limit, note=""):
        nonlocal failed
        failed = failed or not gap <= limit
        print(f"{'ok  ' if gap <= limit else 'FAIL'} {name}: {gap:.2e} <= {limit:.0e}{note}")

    n_samples = extractor.n_samples
    padded = [np.pad(x, (0, n_samples - len(x))) for x in sounds]
    for mode, inputs in (("window30", padded), ("own", sounds)):
        double = [extractor._np_extract_fbank_features(x[None].astype(np.float64), "cpu")[0].astype(np.float32) for x in inputs]
        single = [extractor._torch_extract_fbank_features(x) for x in inputs]
        mel = found[f"{mode}.mel"].numpy()
        wide = np.concatenate([f.T for f in double])
        narrow = np.concatenate([f.T for f in single])
        report(f"{mode} log-mel against float64", float(np.abs(mel - wide).max()), 1e-5)
        print(f"     {mode} log-mel against float32: {np.abs(mel - narrow).max():.2e}; transformers' own two ways:"
              f" {np.abs(wide - narrow).max():.2e}")
        inputs32 = [torch.from_numpy(np.ascontiguousarray(f))[None] for f in double]
        single_results = [run(encoder.float(), f) for f in inputs32]
        if mode == "window30":
            with torch.no_grad():
                whole = encoder(inputs32[0])
            report("transformers' forward is its layers",
                   float((whole.last_hidden_state - single_results[0][1]).abs().max()), 1e-5)
        results = [run(encoder.double(), f.double()) for f in inputs32]
        encoder.float()
        names = [f"states.{n}" for n in range(len(results[0][0]))] + ["last"]
        for n, name in enumerate(names):
            pick = lambda r: torch.cat([(one[0][n] if name != "last" else one[1])[0] for one in r])
            wanted, own = pick(results), pick(single_results)
            scale = max(1.0, float(wanted.abs().max()))
            gap = float((found[f"{mode}.{name}"] - wanted).abs().max())
            report(f"{mode} {name}", gap / scale, 1e-4,
                   f" (largest {scale:.1f}; transformers in float32: {float((own - wanted).abs().max()) / scale:.2e})")
        if runs:
            best = {"mel": 1e9, "forward": 1e9}
            for _ in range(runs):
                start = time.perf_counter()
                if mode == "window30":
                    features = extractor._torch_extract_fbank_features(np.stack(inputs))
                else:
                    features = [extractor._torch_extract_fbank_features(x) for x in inputs]
                best["mel"] = min(best["mel"], time.perf_counter() - start)
                start = time.perf_counter()
                if mode == "window30":
                    run(encoder, torch.from_numpy(np.stack(features)))
                else:
                    for f in features:
                        run(encoder, torch.from_numpy(np.ascontiguousarray(f))[None])
                best["forward"] = min(best["forward"], time.perf_counter() - start)
            print(f"     transformers, fp32, best of {runs}: log-mel {1e3 * best['mel']:.1f} ms, encoder {1e3 * best['forward']:.1f} ms")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
