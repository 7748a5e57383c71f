"""The prior at work: texts into image embeddings of a CLIP, and what can be done in that space.

Ramesh et al. 2022, "Hierarchical Text-Conditional Image Generation with CLIP Latents", sections 2.2 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.diffusion.denoisers import NetworkDenoiser
from t2ilab.diffusion.samplers import sample_ddim
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.files import read_config, remove_first, write_json
from t2ilab.interop.prior import STEM, read_prior, write_prior
from t2ilab.nets.prior import Prior
from t2ilab.pipelines.arguments import check_length
from t2ilab.pipelines.folder import find
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.noise import Noise

CLIP_RANGE = 5.0  # of a normalised embedding's numbers, as in the published prior


def best_of(candidates: Tensor, text_embedding: Tensor) -> Tensor:
    """For each text, the candidate with the largest dot product with it (section 2.2).

    Args:
        candidates: (K, B, D), K for each text.
        text_embedding: (B, D).

    Returns:
        (B, D).

    Raises:
        ValueError: zero candidates, or embeddings of another width.
    """
    if candidates.ndim != 3 or len(candidates) == 0 or candidates.shape[1:] != text_embedding.shape:
        raise ValueError(
            f"best_of takes candidates (K, B, D), K at least 1, and texts (B, D); got {tuple(candidates.shape)} and "
            f"{tuple(text_embedding.shape)}."
        )
    best = (candidates * text_embedding).sum(-1).argmax(0)  # (B,)
    return candidates[best, torch.arange(len(best), device=best.device)]


@dataclass(frozen=True)
class PriorSettings:
    """How the prior draws an embedding.

    Args:
        candidates: drawn for each text, of which the best is kept; the paper's are 2.
        guidance_scale: 1 is off.
        num_inference_steps: of DDIM.

    Raises:
        ValueError: zero candidates, a guidance scale that is not finite, or no steps.
    """

    candidates: int = 2
    guidance_scale: float = 2.0
    num_inference_steps: int = 20

    def __post_init__(self) -> None:
        if self.candidates < 1:
            raise ValueError(f"The prior draws at least one candidate to rank; got {self.candidates}. 2 is usual.")
        if not math.isfinite(self.guidance_scale):
            raise ValueError(f"guidance_scale must be a finite number; got {self.guidance_scale}. 1 is off.")
        if self.num_inference_steps < 1:
            raise ValueError(f"num_inference_steps is at least 1; got {self.num_inference_steps}. 20 is usual.")


@dataclass(frozen=True)
class Components:
    """The principal components of image embeddings.

    Attributes:
        mean: (1, D).
        axes: (D, D) or fewer rows, of length 1, the widest first.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def of(cls, embeddings: Tensor) -> Components:
        """Those of embeddings (N, D), at least two. Raises ValueError for another shape."""
        if embeddings.ndim != 2 or len(embeddings) < 2:
            raise ValueError(f"Components are found in at least 2 embeddings (N, D); got {tuple(embeddings.shape)}.")
        mean = embeddings.mean(0, keepdim=True)
        return cls(mean, torch.linalg.svd(embeddings - mean, full_matrices=False).Vh)

    def truncate(self, embeddings: Tensor, count: int) -> Tensor:
        """Embeddings (B, D) as the first `count` components tell them, the rest left at the mean (figure 7).

        Raises:
            ValueError: a count that is not 0 to the number of axes, or embeddings of another width.
        """
        if not 0 <= count <= len(self.axes):
            raise ValueError(f"There are {len(self.axes)} components, so count lies in 0 to that; got {count}.")
        if embeddings.shape[-1] != self.mean.shape[-1]:
            raise ValueError(f"These components are of embeddings {self.mean.shape[-1]} wide; got {embeddings.shape}.")
        kept = self.axes[:count]
        return self.mean + (embeddings - self.mean) @ kept.T @ kept


@torch.no_grad()
def read_texts(clip: ImageText, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """B texts, which may be empty -> embeddings (B, D) of length 1, tokens (B, L, D), and a mask of them (B, L)."""
    ids = clip.tokenizer(list(texts)).to(clip.device.device)
    embedding = F.normalize(clip.model.encode_text(ids), dim=-1)
    return embedding, clip.model.text_model(ids), clip.tokenizer.mask(ids)


@torch.no_grad()
def draw_embedding(
    clip: ImageText,
    prior: Prior,
    schedule: NoiseSchedule,
    prompts: Sequence[str],
    how: PriorSettings | None = None,
    noise: Noise | None = None,
) -> Tensor:
    """The prior's best image embedding for each prompt, (B, D) of length 1.

    Args:
        schedule: that the prior was trained with.
        noise: where chance comes from; by default anew.
    """
    how = how or PriorSettings()
    check_length(prompts, clip.tokenizer)
    text, tokens, mask = read_texts(clip, prompts)
    b, k = len(prompts), how.candidates
    drawn = (noise or Noise(b))(k, prior.config.embed_dim).transpose(0, 1).flatten(0, 1)  # (K * B, D)
    told = [one.repeat(k, *[1] * (one.ndim - 1)) for one in (text, tokens, mask)]
    if how.guidance_scale != 1:
        untold = [one.expand(k * b, *one.shape[1:]) for one in read_texts(clip, [""])]
        told = [torch.cat(pair) for pair in zip(untold, told, strict=True)]

    def net(x: Tensor, t: Tensor) -> Tensor:
        if how.guidance_scale == 1:
            return prior(x, t, *told)
        uncond, cond = prior(torch.cat([x, x]), torch.cat([t, t]), *told).chunk(2)
        return uncond + how.guidance_scale * (cond - uncond)

    x = drawn.to(text.device, text.dtype)
    denoise = NetworkDenoiser(net, schedule, "sample", CLIP_RANGE)
    x0 = sample_ddim(denoise, x, schedule, schedule.timesteps(how.num_inference_steps, "trailing"))
    return F.normalize(best_of(prior.restore(x0).unflatten(0, (k, b)), text), dim=-1)


def save_prior(folder: str | Path, prior: Prior, schedule: NoiseSchedule) -> None:
    """Writes a folder that diffusers' PriorTransformer opens, and the schedule beside it."""
    remove_first(Path(folder) / "config.json")
    write_json(Path(folder) / "scheduler_config.json", schedule.to_dict() | {"prediction_type": "sample"})
    write_prior(Path(folder), prior)


def open_prior(name: str | Path) -> tuple[Prior, NoiseSchedule]:
    """A prior and its schedule, of the zoo or of a folder.

    Raises:
        ValueError: neither, or another network.
        OSError: a file that is missing, cut short or changed.
    """
    folder = find(str(name), {"": STEM}, None, None)
    scheduler = folder / "scheduler_config.json"
    try:
        schedule = NoiseSchedule.from_dict(read_config(scheduler))
    except (LookupError, TypeError, ValueError) as error:
        raise OSError(f"{scheduler} lays out no noise schedule: {str(error).rstrip('.')}.") from error
    return read_prior(folder), schedule
