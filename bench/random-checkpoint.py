#!/usr/bin/env python3
"""Writes a Hugging Face checkpoint of a released model's shape with random weights.

    python bench/random-checkpoint.py wavlm-base /tmp/wavlm-base [--set layerdrop=0]

The folder gets config.json, preprocessor_config.json and model.safetensors. Sizes are those of the released model, so what is
measured on it holds for that model; what it computes means nothing. Needs transformers, torch and safetensors (see
bench/peers/requirements.txt).
"""

import argparse
import json
import math
import sys
from pathlib import Path

COMMON = {
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "num_feat_extract_layers": 7,
    "feat_extract_activation": "gelu",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "attention_dropout": 0.1,
    "hidden_dropout": 0.1,
    "feat_proj_dropout": 0.1,
    "final_dropout": 0.0,
    "initializer_range": 0.02,
    "apply_spec_augment": True,
    "mask_time_prob": 0.05,
    "mask_time_length": 10,
    "mask_time_min_masks": 2,
    "mask_feature_prob": 0.0,
    "mask_feature_length": 10,
    "mask_feature_min_masks": 0,
    "vocab_size": 32,
}
BASE = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
LARGE = {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096}
# Convolutions normalised at the first layer only, normalisation after each transformer layer; the other way round.
GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
WAVLM = {"model_type": "wavlm", "num_buckets": 320, "max_bucket_distance": 800}

SHAPES = {
    "wavlm-base": {**WAVLM, **BASE, **GROUP, "activation_dropout": 0.0, "layerdrop": 0.05, "feat_proj_dropout": 0.1},
    "wavlm-large": {
        **WAVLM, **LARGE, **LAYER, "conv_bias": False, "activation_dropout": 0.0, "layerdrop": 0.1, "mask_time_prob": 0.075,
    },
    "hubert-base": {"model_type": "hubert", **BASE, **GROUP, "activation_dropout": 0.1, "layerdrop": 0.05},
    "hubert-large": {
        "model_type": "hubert", **LARGE, **LAYER, "conv_bias": True, "activation_dropout": 0.1, "layerdrop": 0.1,
    },
    "wav2vec2-large": {
        "model_type": "wav2vec2", **LARGE, **LAYER, "conv_bias": True, "activation_dropout": 0.1, "layerdrop": 0.1,
    },
}  # fmt: skip
ARCHITECTURES = {"wavlm": "WavLMModel", "hubert": "HubertModel", "wav2vec2": "Wav2Vec2Model"}
PARAMETERS = {"wavlm-base": 94_381_936, "wavlm-large": 315_453_120, "hubert-large": 315_438_720, "wav2vec2-large": 315_438_720}


def parse_setting(text):
    key, _, value = text.partition("=")
    if not value:
        raise argparse.ArgumentTypeError(f"expected key=value, found {text!r}")
    return key, json.loads(value)


def draw(torch, name, shape, generator):
    """Keeps activations near unit size through the depth of the network; nothing is zero or one by chance."""
    if name.endswith("masked_spec_embed"):
        return torch.rand(shape, generator=generator)
    if name.endswith("gru_rel_pos_const"):
        return 1 + 0.1 * torch.randn(shape, generator=generator)
    if name.endswith("weight_g"):
        return 1 + 0.1 * torch.rand(shape, generator=generator)
    if "layer_norm" in name and name.endswith("weight"):
        return 1 + 0.1 * torch.randn(shape, generator=generator)
    if name.endswith("bias"):
        return 0.05 * torch.randn(shape, generator=generator)
    if name.endswith("rel_attn_embed.weight"):
        return 0.5 * torch.randn(shape, generator=generator)
    fan_in = math.prod(shape[1:])
    return torch.randn(shape, generator=generator) / math.sqrt(fan_in)


def write(name, directory, settings, seed):
    import torch
    import transformers
    from safetensors.torch import save_file

    config = {**COMMON, **SHAPES[name], **settings}
    config["architectures"] = [ARCHITECTURES[config["model_type"]]]
    unknown = [key for key in settings if key not in COMMON and key not in SHAPES[name]]
    if unknown:
        raise SystemExit(f"{name} has no field {', '.join(unknown)}")
    family = transformers.AutoConfig.for_model(**config)
    with torch.device("meta"):
        model = transformers.AutoModel.from_config(family)
    # Released files spell weight norm as g and v; so does what transformers saves.
    spelling = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for key, meta in model.state_dict().items():
        for old, new in spelling.items():
            key = key.replace(old, new)
        tensors[key] = draw(torch, key, tuple(meta.shape), generator)
    parameters = sum(tensor.numel() for tensor in tensors.values())
    if not settings and parameters != PARAMETERS.get(name, parameters):
        raise SystemExit(f"{name} should have {PARAMETERS[name]} parameters and has {parameters}")

    directory.mkdir(parents=True, exist_ok=True)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    layer = config["feat_extract_norm"] == "layer"
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    preprocessor = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "sampling_rate": 16000,
        "padding_side": "right",
        "padding_value": 0.0,
        # Base models saw waveforms as they are and no mask in pre-training; large ones normalised waveforms, and masks.
        "do_normalize": layer,
        "return_attention_mask": layer,
    }
    (directory / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")
    return parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", type=parse_setting, action="append", default=[], metavar="KEY=JSON", help="change a field of config.json")
    arguments = parser.parse_args()
    try:
        parameters = write(arguments.shape, arguments.directory, dict(arguments.set), arguments.seed)
    except ModuleNotFoundError as error:
        raise SystemExit(f"Python package {error.name} is missing: pip install -r bench/peers/requirements.txt")
    print(f"{arguments.directory}: {arguments.shape}, {parameters} parameters", file=sys.stderr)


if __name__ == "__main__":
    main()
