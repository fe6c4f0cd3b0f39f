"""Inference by transformers or ONNX Runtime, for encoder-inference.mjs and load-checkpoint.mjs (a process of the line protocol)."""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "bench"))
import protocol  # noqa: E402

SAMPLE_RATE = 16000


def read_config(directory):
    return json.loads((Path(directory) / "config.json").read_text())


def load_model(directory, dtype):
    """The encoder as transformers has it, in evaluation mode."""
    import torch
    import transformers

    if read_config(directory)["model_type"] != "whisper":
        return transformers.AutoModel.from_pretrained(directory, dtype=dtype).eval()
    # A folder may hold the encoder alone, which WhisperModel would complete with a random decoder.
    from safetensors.torch import load_file
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    prefix = "model.encoder."
    weights = load_file(Path(directory) / "model.safetensors")
    encoder = WhisperEncoder(transformers.AutoConfig.from_pretrained(directory))
    encoder.load_state_dict({key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)})
    return encoder.to(dtype).eval()


def drop_unused_weights_mean():
    """Spares WavLM of transformers 5 the attention weights that it asks for and throws away: not its default, but a line away."""
    import torch.nn.functional as functional

    original = functional.multi_head_attention_forward

    def patched(*args, **kwargs):
        kwargs["need_weights"] = False
        return original(*args, **kwargs)

    functional.multi_head_attention_forward = patched


def export(model, features, path):
    """ONNX of this input's size, so that all that does not depend on the samples is a constant in it."""
    import torch

    class LastState(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, values):
            return self.inner(values).last_hidden_state

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The newer exporter needs onnxscript and gives the same graph after ONNX Runtime has optimised it.
        torch.onnx.export(
            LastState(model), (features,), str(path), input_names=["values"], output_names=["last"], opset_version=17,
            dynamo=False, do_constant_folding=True,
        )  # fmt: skip


def onnx_session(arguments, features):
    import onnxruntime
    import torch

    path = Path(arguments.scratch) / "fp32.onnx"
    if not path.exists():
        export(load_model(arguments.directory, torch.float32), features, path)
    if arguments.dtype == "int8":
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantised = Path(arguments.scratch) / "int8.onnx"
        if not quantised.exists():
            # Matrix products only: ONNX Runtime's int8 convolutions are slower than its fp32 ones.
            quantize_dynamic(path, quantised, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8)
        path = quantised
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def load(arguments):
    import numpy
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    facts = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
    extractor = transformers.AutoFeatureExtractor.from_pretrained(arguments.directory)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}[arguments.dtype]
    wave = numpy.fromfile(arguments.audio, dtype=numpy.float32)

    def extract():
        batch = extractor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        return batch["input_features"] if "input_features" in batch else batch["input_values"]

    if read_config(arguments.directory)["model_type"] != "whisper":
        # transformers imports a model's code when it is first asked for, which is no part of loading weights.
        with torch.device("meta"):
            transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(arguments.directory))
    before = protocol.memory()
    started = time.perf_counter()
    if arguments.runtime == "transformers":
        if arguments.no_attention_weights:
            drop_unused_weights_mean()
        model = load_model(arguments.directory, dtype)
        facts["attention"] = getattr(model.config, "_attn_implementation", None)

        def compute(features):
            with torch.inference_mode():
                return model(features.to(dtype)).last_hidden_state
    else:
        import onnxruntime

        facts["onnxruntime"] = onnxruntime.__version__
        session = onnx_session(arguments, extract())

        def compute(features):
            return session.run(None, {"values": features.numpy()})[0]

    facts["loadSeconds"] = time.perf_counter() - started
    facts["beforeLoad"] = before

    def once():
        started = time.perf_counter()
        features = extract()
        extracted = time.perf_counter()
        compute(features)
        return time.perf_counter() - started, extracted - started

    def run(seconds=0.0):
        """Forward passes for about so many seconds, one at least: seconds of each, and those of them that the front-end took."""
        passes = []
        while not passes or sum(whole for whole, _ in passes) < seconds:
            passes.append(once())
        return {"seconds": [whole for whole, _ in passes], "extract": [part for _, part in passes]}

    def output(path):
        last = compute(extract())
        last = last.float().numpy() if hasattr(last, "numpy") else last
        last[0].astype(numpy.float32).tofile(path)
        return {"shape": list(last.shape[1:])}

    return facts, {"run": run, "output": output, "memory": lambda: protocol.memory()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", help="checkpoint")
    parser.add_argument("audio", help="float32 samples at 16 kHz")
    parser.add_argument("--runtime", choices=["transformers", "onnxruntime"], default="transformers")
    parser.add_argument("--dtype", choices=["fp32", "bf16", "int8"], default="fp32")
    parser.add_argument("--no-attention-weights", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scratch", default=".", help="folder for the exported model")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    protocol.serve(lambda: load(options))
