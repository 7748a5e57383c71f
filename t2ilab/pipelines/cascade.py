"""Imagen: a frozen language model reads the prompt, a small picture is drawn, and diffusion makes it larger twice.

Saharia et al. 2022, "Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab import zoo
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.device import DeviceManager
from t2ilab.diffusion.samplers import Callback
from t2ilab.files import remove_first, remove_parts
from t2ilab.images import to_pil
from t2ilab.interop.t5 import read_t5_encoder, write_t5_encoder
from t2ilab.nets.t5 import T5Encoder
from t2ilab.pipelines.arguments import check_length, check_output_type, prompts_of
from t2ilab.pipelines.folder import find
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.stage import Guidance, Stage, changed, check_follow

EachStage = Guidance | Sequence[Guidance]


class Reading:
    """A frozen language model: prompts into tokens.

    Args:
        encoder: a T5's; it is not trained further.
        tokenizer: of the words that it learnt.
        device: a DeviceManager; by default the machine's best.
    """

    def __init__(self, encoder: T5Encoder, tokenizer: CLIPTokenizer, device: DeviceManager | None = None):
        self.device = device or DeviceManager()
        self.encoder = self.device.place(encoder).eval().requires_grad_(False)
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(cls, name: str | Path, device: str | DeviceManager | None = None) -> Reading:
        """Opens a language model of the zoo, or of a folder that `save_pretrained` wrote; device as for a `Stage`.

        Raises:
            ValueError: neither, or another kind of model.
            OSError: a file that is missing, cut short or changed.
        """
        folder = find(str(name), {"": "model", "tokenizer": None}, None, None)
        manager = device if isinstance(device, DeviceManager) else DeviceManager(device)
        return cls(read_t5_encoder(folder), CLIPTokenizer.from_pretrained(folder / "tokenizer"), manager)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes a folder that transformers' T5EncoderModel opens, in half precision, with the tokenizer."""
        remove_first(Path(folder) / "config.json")
        self.tokenizer.save_pretrained(Path(folder) / "tokenizer")
        write_t5_encoder(Path(folder), self.encoder)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """B texts, which may be empty -> tokens (B, L, width), zero at the padding, and where there is none (B, L)."""
        ids = self.tokenizer(list(texts)).to(self.device.device)
        mask = self.tokenizer.mask(ids)
        return self.encoder(ids, mask) * mask[..., None], mask


class Cascade:
    """A text-to-image model in stages.

    Args:
        reading: the frozen language model.
        stages: the first draws a small picture; each of the others makes it larger. All read the same words.

    Raises:
        ValueError: stages whose sizes do not follow each other, or that read words of another width.
    """

    def __init__(self, reading: Reading, stages: Sequence[Stage]):
        check_follow(list(stages))
        for stage in stages:
            if (wide := stage.unet.config.cross_attention_dim) != reading.encoder.config.width:
                raise ValueError(
                    f"Every stage reads words as wide as the language model's, {reading.encoder.config.width}; got "
                    f"{wide}. These two were not trained together."
                )
        self.reading, self.stages = reading, list(stages)

    @classmethod
    def from_pretrained(cls, name: str | Path = "storybook", device: str | DeviceManager | None = None) -> Cascade:
        """Opens a cascade of the zoo, or of a folder that `save_pretrained` wrote; device as for a `Stage`.

        In the zoo it lies in parts: for "storybook", `language-storybook`, `cascade-storybook-16` and so on.

        Raises:
            ValueError: neither.
            OSError: a file that is missing, cut short or changed.
        """
        folder = Path(name)
        if f"language-{name}" not in zoo.names() and folder.is_dir():
            own = (path for path in folder.glob("stage-*") if path.name.removeprefix("stage-").isdecimal())  # no copies
            stages = sorted(own, key=lambda path: _size(path.name))
            parts: list[Any] = [folder / "language", *stages]
        else:
            sizes = sorted((n for n in zoo.names() if n.startswith(f"cascade-{name}-")), key=_size)
            parts = [f"language-{name}", *sizes]
        reading = Reading.from_pretrained(parts[0], device)
        return cls(reading, [Stage.from_pretrained(part, reading.device) for part in parts[1:]])

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes language model and stages, in half precision. Raises OSError where that cannot be."""
        remove_first(Path(folder) / "language" / "config.json")
        for stage in self.stages:
            stage.save_pretrained(Path(folder) / f"stage-{stage.image_size}")
        remove_parts(Path(folder), "stage-*", [f"stage-{stage.image_size}" for stage in self.stages])
        self.reading.save_pretrained(Path(folder) / "language")

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        how: EachStage | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        output_type: str = "pil",
        all_stages: bool = False,
        callback: Callback | None = None,
        **changes: Any,
    ) -> Any:
        """Draws one picture a prompt.

        Args:
            prompt: one caption or several.
            how: the stages' settings, one for all or one each; by default `Guidance()`.
            seed: picture i takes its noise from the stream of seed + i, whatever else is in the batch; what a sampler
                adds on its way comes from one stream of the seed for the whole batch.
            generator: draws the noise instead, from one stream for the whole batch.
            output_type: "pil", or "pt" for a tensor (B, 3, H, W) in [0, 1].
            all_stages: whether to give the pictures of every stage, a list of as many as there are.
            callback: as samplers take it, of each stage in turn.
            changes: fields of `Guidance`, such as guidance_scale=5.0, for all stages.

        Raises:
            ValueError: an empty prompt, a number out of range, or not as many settings as stages.
        """
        check_output_type(output_type)
        prompts = prompts_of(prompt)
        noise = Noise(len(prompts), seed, generator)
        x: Tensor | None = None
        drawn = []
        for stage, one in zip(self.stages, self._each(how, changes), strict=True):
            x = self.stage(stage, prompts, one, noise, x, callback).clamp(-1, 1)
            drawn.append(to_pil(x) if output_type == "pil" else x.float() / 2 + 0.5)
        return drawn if all_stages else drawn[-1]

    def stage(
        self,
        stage: Stage,
        prompts: Sequence[str],
        how: Guidance,
        noise: Noise,
        low_res: Tensor | None = None,
        callback: Callback | None = None,
    ) -> Tensor:
        """What one of the stages draws (B, 3, H, W), near [-1, 1], of prompts and small pictures (B, 3, h, w)."""
        check_length(prompts, self.reading.tokenizer)
        told, mask = self.reading(prompts)
        untold, nothing = self.reading([""])
        if how.guidance_scale != 1:
            mask = torch.cat([nothing.expand_as(mask), mask])  # (2B, L)
        return stage.draw(told, untold, how, noise, low_res, mask, callback)

    def _each(self, how: EachStage | None, changes: dict[str, Any]) -> list[Guidance]:
        each = list(how) if isinstance(how, Sequence) else [how or Guidance()] * len(self.stages)
        if len(each) != len(self.stages):
            raise ValueError(f"Give settings once or for each of the {len(self.stages)} stages; got {len(each)}.")
        return [changed(one, changes) for one in each]


def _size(name: str) -> int:
    """Pixels a side, with which the name of a stage ends."""
    return int(name.rpartition("-")[2])
