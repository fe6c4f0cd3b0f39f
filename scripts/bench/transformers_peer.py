"""An encoder of transformers at work beside ser-native, for `ser-native bench --compare transformers` (a process of the line
protocol): forward passes, or fine-tuning steps with cross-entropy, mean pooling, two linear layers, fused AdamW and clipping at 1.

wav2vec2, HuBERT and WavLM run as transformers has them, on batches padded by their feature extractor. Whisper's forward pass is
over 30 s, which is all that transformers takes; it is trained by a plain loop over transformers' layers at true lengths, keys
beyond a clip's own length masked. bf16 is model.to(bfloat16) in inference and autocast in training.
"""

import argparse
import contextlib
import json
import os
import time
from pathlib import Path

import protocol

SAMPLE_RATE = 16000


def drop_unused_weights():
    """Spares WavLM of transformers 5 the attention weights that it asks for and throws away: then PyTorch's fused attention runs."""
    import torch.nn.functional as functional

    original = functional.multi_head_attention_forward

    def patched(*args, **kwargs):
        kwargs["need_weights"] = False
        return original(*args, **kwargs)

    functional.multi_head_attention_forward = patched


def whisper_encoder(directory, attention):
    """A folder may hold the encoder alone, which WhisperModel would complete with a random decoder."""
    import transformers
    from safetensors.torch import load_file
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    prefix = "model.encoder."
    config = transformers.AutoConfig.from_pretrained(directory)
    config._attn_implementation = attention or "sdpa"
    weights = {}
    for file in sorted(Path(directory).glob("*.safetensors")):
        weights.update(load_file(file))
    encoder = WhisperEncoder(config)
    encoder.load_state_dict({key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)})
    return encoder


def whisper_classifier(encoder, classes, width):
    import torch

    class WhisperClassifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.base_model = encoder
            self.projector = torch.nn.Linear(encoder.config.d_model, width)
            self.classifier = torch.nn.Linear(width, classes)

        def freeze_base_model(self):
            for parameter in self.base_model.parameters():
                parameter.requires_grad = False

        def forward(self, mels, frames, labels):
            functional = torch.nn.functional
            inner = self.base_model
            hidden = functional.gelu(inner.conv2(functional.gelu(inner.conv1(mels)))).permute(0, 2, 1)
            longest = hidden.shape[1]
            hidden = hidden + inner.embed_positions.weight[:longest]
            inside = torch.arange(longest, device=hidden.device)[None, :] < frames[:, None]
            # None where all are of one length lets PyTorch take the path without a mask.
            mask = None
            if not bool(inside.all()):
                kind = hidden.device.type
                dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
                mask = torch.zeros(inside.shape, device=hidden.device, dtype=dtype).masked_fill_(~inside, -torch.inf)
                mask = mask[:, None, None, :].expand(-1, 1, longest, -1)
            for layer in inner.layers:
                hidden = layer(hidden, mask)
                hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            hidden = inner.layer_norm(hidden) * inside[:, :, None]
            pooled = hidden.sum(1) / frames[:, None]
            return functional.cross_entropy(self.classifier(self.projector(pooled)), labels)

    return WhisperClassifier()


def load(arguments):
    import numpy
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    device = torch.device(arguments.device)
    plan = json.loads(Path(arguments.plan).read_text())
    samples = numpy.memmap(plan["path"], dtype="<i2", mode="r")
    extractor = transformers.AutoFeatureExtractor.from_pretrained(arguments.directory)
    model_type = json.loads((Path(arguments.directory) / "config.json").read_text())["model_type"]
    whisper = model_type == "whisper"
    inference = arguments.task == "inference"
    half = arguments.dtype == "bf16"

    before = protocol.memory()
    asked = {}
    if arguments.attention == "sdpa" and model_type == "wavlm":
        drop_unused_weights()
    elif arguments.attention:
        asked["attn_implementation"] = arguments.attention
    if whisper:
        encoder = whisper_encoder(arguments.directory, arguments.attention)
        model = encoder if inference else whisper_classifier(encoder, plan["classes"], plan["embedding"])
    elif inference:
        model = transformers.AutoModel.from_pretrained(arguments.directory, dtype=torch.float32, **asked)
    else:
        model = transformers.AutoModelForAudioClassification.from_pretrained(
            arguments.directory, num_labels=plan["classes"], classifier_proj_size=plan["embedding"], layerdrop=0.0,
            dtype=torch.float32, **asked,
        )  # fmt: skip
        if arguments.task == "train":
            model.freeze_feature_encoder()
    if arguments.task == "train-frozen":
        model.freeze_base_model()
    model.to(device)
    if inference:
        model.eval()
        if half:
            model.to(torch.bfloat16)
    else:
        model.train()
    base = model if inference else model.base_model
    trained = [] if inference else [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = None
    if trained:
        optimiser = torch.optim.AdamW(trained, lr=plan["learningRate"], weight_decay=plan["weightDecay"], fused=True)
    run = torch.compile(model, dynamic=True) if arguments.compile else model

    def autocast():
        return torch.autocast(device.type, dtype=torch.bfloat16) if half and not inference else contextlib.nullcontext()

    def synchronise():
        if device.type == "cuda":
            torch.cuda.synchronize()

    def wave(offset, length):
        return samples[offset : offset + length].astype(numpy.float32) / 32768

    def inputs(batch):
        waves = [wave(o, n) for o, n in zip(batch["offsets"], batch["lengths"])]
        if whisper and inference:
            mels = extractor(waves, sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"]
            return {"input_features": mels.to(device, torch.bfloat16 if half else torch.float32)}
        labels = torch.tensor(batch["labels"])
        if whisper:
            mels = extractor(waves, sampling_rate=SAMPLE_RATE, padding="longest", return_tensors="pt")["input_features"]
            # 160 samples to a frame of the log-mel, two of those to a frame of the encoder.
            frames = torch.tensor([(n // 160 + 1) // 2 for n in batch["lengths"]])
            return {name: value.to(device) for name, value in (("mels", mels), ("frames", frames), ("labels", labels))}
        mask = {"return_attention_mask": True} if arguments.mask else {}
        given = dict(extractor(waves, sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt", **mask))
        if inference:
            given["input_values"] = given["input_values"].to(torch.bfloat16 if half else torch.float32)
        else:
            given["labels"] = labels
        return {name: value.to(device) for name, value in given.items()}

    def step(batching, index):
        batch = plan["batches"][batching][index]
        synchronise()
        started = time.perf_counter()
        given = inputs(batch)
        extracted = time.perf_counter()
        if inference:
            with torch.inference_mode():
                run(**given)
        else:
            with autocast():
                result = run(**given)
                loss = result if whisper else result.loss
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, plan["clip"])
            optimiser.step()
            loss = loss.item()
        synchronise()
        answer = {"seconds": time.perf_counter() - started, "frontEnd": extracted - started}
        return answer if inference else {**answer, "loss": loss}

    def output(offset, length, path):
        """Frames of one clip as inference computes them, float32."""
        training = model.training
        model.eval()
        features = extractor(wave(offset, length), sampling_rate=SAMPLE_RATE, return_tensors="pt")
        features = features["input_features"] if whisper else features["input_values"]
        with torch.inference_mode(), autocast():
            last = base(features.to(device, next(base.parameters()).dtype)).last_hidden_state
        model.train(training)
        last[0].float().cpu().numpy().tofile(path)
        return {"shape": list(last.shape[1:])}

    def memory(reset=False):
        if device.type != "cuda":
            if reset:
                protocol.reset_peak()
            return protocol.memory() or {"peak": None}
        if reset:
            torch.cuda.reset_peak_memory_stats()
        return {"peak": torch.cuda.max_memory_allocated()}

    facts = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "attention": getattr(base.config, "_attn_implementation", None),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "beforeLoad": before,
    }
    return facts, {"step": step, "output": output, "memory": memory}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", help="checkpoint")
    parser.add_argument("plan", help="JSON: file of int16 samples; batches by name: offsets, lengths, labels")
    parser.add_argument("--task", choices=["inference", "train", "train-all", "train-frozen"], required=True)
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--attention", choices=["eager", "sdpa"], help="default: transformers' own choice")
    parser.add_argument("--mask", action="store_true", help="pass an attention mask even where the checkpoint asks for none")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    protocol.serve(lambda: load(options))
