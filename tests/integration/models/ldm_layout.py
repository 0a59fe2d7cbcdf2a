"""Renames a small diffusers model's weights to the layout of the original Stable Diffusion checkpoints."""

from __future__ import annotations

import re
from typing import Any

import torch

Weights = dict[str, torch.Tensor]

_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}

_OPEN_CLIP = {
    "embeddings.token_embedding": "token_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
    "text_projection.weight": "text_projection",
    "final_layer_norm": "ln_final",
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm": "ln_",
    "self_attn": "attn",
    "fc1": "c_fc",
    "fc2": "c_proj",
}


def to_ldm(pipeline: Any) -> Weights:
    """The weights as a web UI user has them, with some of the passengers that such files carry."""
    weights = _networks(pipeline) | _clip("cond_stage_model.transformer.", pipeline.text_encoder)
    ids = {"cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}
    return _whole(weights | ids | {"betas": torch.linspace(0, 1, 1000)})


def to_sgm(pipeline: Any) -> Weights:
    """The weights of a Stable Diffusion XL model as a web UI user has them; its second text encoder is OpenCLIP's."""
    texts = _clip("conditioner.embedders.0.transformer.", pipeline.text_encoder)
    return _whole(_networks(pipeline) | texts | _open_clip("conditioner.embedders.1.model.", pipeline.text_encoder_2))


def _whole(weights: Weights) -> Weights:
    return {key: value.detach().clone().contiguous() for key, value in weights.items()}


def _networks(pipeline: Any) -> Weights:
    unet, vae = pipeline.unet.state_dict(), pipeline.vae.state_dict()
    layers, blocks = pipeline.unet.config.layers_per_block, len(pipeline.vae.config.block_out_channels)
    weights = {f"model.diffusion_model.{_unet_key(key, layers, unet)}": value for key, value in unet.items()}
    for key, value in vae.items():
        name = _vae_key(key, blocks)
        is_attention_matrix = ".attn_1." in name and value.ndim == 2
        weights[f"first_stage_model.{name}"] = value[:, :, None, None] if is_attention_matrix else value
    return weights


def _clip(prefix: str, encoder: Any) -> Weights:
    text = encoder.state_dict()
    return {f"{prefix}text_model.{key.removeprefix('text_model.')}": value for key, value in text.items()}


def _open_clip(prefix: str, encoder: Any) -> Weights:
    weights: Weights = {}
    text = encoder.state_dict()
    for key, value in text.items():
        name = key.removeprefix("text_model.")
        if ".self_attn.q_proj." in name:
            parts = [text[key.replace("q_proj", f"{letter}_proj")] for letter in "qkv"]
            weights[f"{prefix}{_open_clip_key(name.replace('q_proj.', 'in_proj_'))}"] = torch.cat(parts)
        elif not re.search(r"\.self_attn\.[kv]_proj\.", name):
            weights[f"{prefix}{_open_clip_key(name)}"] = value.T if name == "text_projection.weight" else value
    return weights


def _open_clip_key(key: str) -> str:
    for ours, theirs in _OPEN_CLIP.items():
        key = key.replace(ours, theirs)
    return key


def _unet_key(key: str, layers: int, weights: Weights) -> str:
    for ours, theirs in _UNET_ENDS.items():
        if key.startswith(ours + "."):
            return _renamed(key.replace(ours, theirs, 1), _UNET_RESNET)
    side, block, kind, layer, rest = re.fullmatch(r"(\w+)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)", key).groups()  # type: ignore[union-attr]
    first = int(block) * (layers + 1)
    if kind == "downsamplers":
        return f"input_blocks.{1 + first + layers}.0.{rest.replace('conv', 'op')}"
    if kind == "upsamplers":
        place = 2 if any(name.startswith(f"up_blocks.{block}.attentions") for name in weights) else 1
        return f"output_blocks.{first + layers}.{place}.{rest}"
    index = 1 + first + int(layer) if side == "down" else first + int(layer)
    blocks = "input_blocks" if side == "down" else "output_blocks"
    if kind == "attentions":
        return f"{blocks}.{index}.1.{rest}"
    return f"{blocks}.{index}.0.{_renamed(rest, _UNET_RESNET)}"


def _vae_key(key: str, blocks: int) -> str:
    key = key.replace("conv_norm_out", "norm_out").replace("mid_block.resnets.0", "mid.block_1")
    key = key.replace("mid_block.resnets.1", "mid.block_2").replace("conv_shortcut", "nin_shortcut")
    if "mid_block.attentions.0" in key:
        return _renamed(key.replace("mid_block.attentions.0", "mid.attn_1"), _VAE_ATTENTION)
    key = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d+)", lambda found: f"up.{blocks - 1 - int(found[1])}", key)
    return re.sub(r"resnets\.(\d+)", r"block.\1", key).replace("upsamplers.0", "upsample")


def _renamed(key: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        key = re.sub(rf"(^|\.){re.escape(ours)}\.", rf"\1{theirs}.", key)
    return key
