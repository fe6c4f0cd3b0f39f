"""Fine-tuning steps in PyTorch with transformers' layers, for encoder-finetune.mjs (a process of the line protocol).

WavLM: WavLMForSequenceClassification as it comes, its convolutions over the waveform frozen. Whisper: transformers' encoder layers
over log-mels cut to the longest clip of the batch, keys beyond a clip's own length masked, a mean over its frames and a head.
Both: cross-entropy, fused AdamW, gradients clipped at 1; bf16 is autocast.
"""

import argparse
import contextlib
import json
import os
import time
from pathlib import Path

import protocol

SAMPLE_RATE = 16000


def whisper_classifier(directory, classes, width):
    import torch
    from infer import load_model

    class WhisperClassifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = load_model(directory, torch.float32)
            self.projector = torch.nn.Linear(self.encoder.config.d_model, width)
            self.classifier = torch.nn.Linear(width, classes)

        def forward(self, mels, frames, labels):
            functional = torch.nn.functional
            encoder = self.encoder
            hidden = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mels)))).permute(0, 2, 1)
            longest = hidden.shape[1]
            hidden = hidden + encoder.embed_positions.weight[:longest]
            inside = torch.arange(longest)[None, :] < frames[:, None]
            # None where all are of one length lets PyTorch take the path without a mask.
            mask = None if bool(inside.all()) else torch.zeros(inside.shape).masked_fill_(~inside, -torch.inf)[:, None, None, :]
            if mask is not None:
                mask = mask.expand(-1, 1, longest, -1).to(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else hidden.dtype)
            for layer in encoder.layers:
                hidden = layer(hidden, mask)
                hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            hidden = encoder.layer_norm(hidden) * inside[:, :, None]
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
    plan = json.loads(Path(arguments.plan).read_text())
    samples = numpy.memmap(plan["path"], dtype="<i2", mode="r")
    batches = plan["batches"]
    extractor = transformers.AutoFeatureExtractor.from_pretrained(arguments.directory)
    before = protocol.memory()
    whisper = json.loads((Path(arguments.directory) / "config.json").read_text())["model_type"] == "whisper"
    if whisper:
        model = whisper_classifier(arguments.directory, plan["classes"], plan["embedding"])
    else:
        model = transformers.AutoModelForAudioClassification.from_pretrained(
            arguments.directory, num_labels=plan["classes"], classifier_proj_size=plan["embedding"], dtype=torch.float32
        )
        model.freeze_feature_encoder()
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=plan["learningRate"], weight_decay=0.01, fused=True)
    autocast = contextlib.nullcontext if arguments.dtype == "fp32" else lambda: torch.autocast("cpu", dtype=torch.bfloat16)

    def waves(batch):
        return [samples[o : o + n].astype(numpy.float32) / 32768 for o, n in zip(batch["offsets"], batch["lengths"])]

    def inputs(batch):
        labels = torch.tensor(batch["labels"])
        if whisper:
            mels = extractor(waves(batch), sampling_rate=SAMPLE_RATE, padding="longest", return_tensors="pt")["input_features"]
            # 160 samples to a frame of the log-mel, two of those to a frame of the encoder.
            frames = torch.tensor([(n // 160 + 1) // 2 for n in batch["lengths"]])
            return {"mels": mels, "frames": frames, "labels": labels}
        mask = {"return_attention_mask": True} if arguments.mask else {}
        return {**extractor(waves(batch), sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt", **mask), "labels": labels}

    def step(index):
        started = time.perf_counter()
        given = inputs(batches[index])
        extracted = time.perf_counter()
        with autocast():
            result = model(**given)
            loss = result if whisper else result.loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        loss = loss.item()
        return {"seconds": time.perf_counter() - started, "extract": extracted - started, "loss": loss}

    facts = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "attention": (model.encoder if whisper else model).config._attn_implementation,
        "trained": sum(parameter.numel() for parameter in trained),
        "beforeLoad": before,
    }
    return facts, {"step": step, "memory": lambda: protocol.memory()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", help="checkpoint")
    parser.add_argument("plan", help="JSON: file of int16 samples, batches of offsets, lengths and labels")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mask", action="store_true", help="pass an attention mask even where the checkpoint asks for none")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    protocol.serve(lambda: load(options))
