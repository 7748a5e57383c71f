"""DALL-E 2: from a text's CLIP embedding to a picture's, and from that to a picture (Ramesh et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab import zoo
from t2ilab.diffusion.schedule import NoiseSchedule
from t2ilab.files import remove_first, remove_parts
from t2ilab.images import to_pil
from t2ilab.nets.prior import Prior
from t2ilab.pipelines.arguments import Pictures, check_output_type, pictures_of, prompts_of
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.interpolation import slerp
from t2ilab.pipelines.noise import Noise
from t2ilab.pipelines.prior import Components, PriorSettings, draw_embedding, open_prior, read_texts, save_prior
from t2ilab.pipelines.stage import Guidance, Stage, changed, check_follow
from t2ilab.pipelines.text_to_image import ADD_NOISE


class UnCLIP:
    """A text-to-image model by way of CLIP's image embeddings.

    Args:
        clip: stays as it is.
        prior: from the text to the picture's embedding, in the space of that CLIP.
        prior_schedule: that it was trained with; it gives the embedding ("sample").
        decoder: from the embedding to a picture.
        upsampler: makes that larger; None for a model without.

    Raises:
        ValueError: parts of another CLIP (the sentence names the width), or stages whose sizes do not follow.
    """

    def __init__(
        self,
        clip: ImageText,
        prior: Prior,
        prior_schedule: NoiseSchedule,
        decoder: Stage,
        upsampler: Stage | None = None,
    ):
        check_follow([decoder] if upsampler is None else [decoder, upsampler])
        config = clip.model.config
        dim, text = config.embed_dim, (config.text.width, config.text.context_length)
        theirs = prior.config.embed_dim
        if theirs != dim or text != (theirs, prior.config.context_length):
            raise ValueError(
                f"A prior works in the space of the CLIP that it was trained with, {dim} wide, with tokens {text[0]} "
                f"wide in texts of {text[1]}; got one for {theirs} wide, in texts of {prior.config.context_length}."
            )
        for name, stage in (("decoder", decoder), ("upsampler", upsampler)):
            if stage is not None and stage.unet.config.image_embed_dim != dim:
                raise ValueError(
                    f"The {name} reads embeddings of the CLIP that it was trained with, {dim} wide; got one that reads "
                    f"{stage.unet.config.image_embed_dim or 'words'}."
                )
        self.clip, self.prior_schedule = clip, prior_schedule
        self.prior = clip.device.place(prior).eval()
        self.decoder, self.upsampler = decoder, upsampler

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "storybook", device: str | None = None, clip: str | Path = "clip-storybook"
    ) -> UnCLIP:
        """Opens a model of the zoo, or of a folder that `save_pretrained` wrote.

        In the zoo it lies in parts: for "storybook", `prior-storybook`, `decoder-storybook`, `upsampler-storybook`.

        Raises:
            ValueError: neither, or parts that do not fit one another.
            OSError: a file that is missing, cut short or changed.
        """
        at_home = f"decoder-{name}" not in zoo.names() and Path(name).is_dir()
        parts = {
            kind: str(Path(name) / kind) if at_home else f"{kind}-{name}" for kind in ("prior", "decoder", "upsampler")
        }
        prior, schedule = open_prior(parts["prior"])
        eyes = ImageText.from_pretrained(clip, device)
        decoder = Stage.from_pretrained(parts["decoder"], eyes.device)
        upsampler = None
        if not at_home or Path(parts["upsampler"]).is_dir():
            upsampler = Stage.from_pretrained(parts["upsampler"], eyes.device)
        return cls(eyes, prior, schedule, decoder, upsampler)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes prior, decoder and upsampler, in half precision; CLIP lies elsewhere. Raises OSError as usual."""
        remove_first(Path(folder) / "prior" / "config.json")
        self.decoder.save_pretrained(Path(folder) / "decoder")
        if self.upsampler is not None:
            self.upsampler.save_pretrained(Path(folder) / "upsampler")
        else:
            remove_parts(Path(folder), "upsampler")
        save_prior(Path(folder) / "prior", self.prior, self.prior_schedule)

    # ---- embeddings ------------------------------------------------------------------------------------------------

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """As `read_texts`, with the model's CLIP."""
        return read_texts(self.clip, texts)

    def draw_embedding(
        self, prompts: Sequence[str], how: PriorSettings | None = None, noise: Noise | None = None
    ) -> Tensor:
        """As `draw_embedding`, with the model's prior."""
        return draw_embedding(self.clip, self.prior, self.prior_schedule, prompts, how, noise)

    def embed(self, image: Pictures) -> Tensor:
        """Pictures, PIL or a tensor (B, 3, H, W) in [0, 1], -> CLIP's embeddings (B, D) of length 1."""
        return self.clip.encode_image(pictures_of(image))

    # ---- pictures --------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def decode(
        self, embedding: Tensor, how: Guidance | None = None, noise: Noise | None = None, output_type: str = "pil"
    ) -> Any:
        """Image embeddings (B, D) -> PIL pictures, or with "pt" a tensor (B, 3, H, W) in [0, 1].

        Args:
            how: of the decoder; the upsampler runs without guidance, as in the paper.

        Raises:
            ValueError: embeddings of another width.
        """
        check_output_type(output_type)
        how, noise = how or Guidance(), noise or Noise(len(embedding))
        dim = self.prior.config.embed_dim
        if embedding.ndim != 2 or embedding.shape[1] != dim:
            raise ValueError(
                f"This decoder reads image embeddings (B, {dim}) of its CLIP; got {tuple(embedding.shape)}."
            )
        nothing = torch.zeros_like(embedding[:1])
        x = self.decoder.draw(embedding, nothing, how, noise).clamp(-1, 1)
        if self.upsampler is not None:
            x = self.upsampler.draw(embedding, nothing, replace(how, guidance_scale=1.0), noise, x).clamp(-1, 1)
        return to_pil(x) if output_type == "pil" else x.float() / 2 + 0.5

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        prior: PriorSettings | None = None,
        how: Guidance | None = None,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        output_type: str = "pil",
        **changes: Any,
    ) -> Any:
        """Draws one picture a prompt.

        Args:
            prompt: one caption or several.
            prior, how: of the prior and of the decoder.
            seed: picture i takes its noise from the stream of seed + i, whatever else is in the batch; what a sampler
                adds on its way comes from one stream of the seed for the whole batch.
            generator: draws the noise instead, from one stream for the whole batch.
            output_type: "pil", or "pt" for a tensor (B, 3, H, W) in [0, 1].
            changes: fields of `Guidance`, such as guidance_scale=5.0.

        Raises:
            ValueError: an empty prompt, or a number out of range.
        """
        check_output_type(output_type)
        prompts = prompts_of(prompt)
        noise = Noise(len(prompts), seed, generator)
        embedding = self.draw_embedding(prompts, prior, noise)
        return self.decode(embedding, changed(how, changes), noise, output_type)

    def variations(self, image: Pictures, count: int = 4, seed: int | None = None, **how: Any) -> Any:
        """`count` pictures with what CLIP sees in one, and the rest drawn anew (section 3.1); `how` is of `Guidance`.

        Raises:
            ValueError: several pictures, or a count below 1.
        """
        if count < 1:
            raise ValueError(f"Ask for at least one variation; got {count}.")
        embedding = self._one(image).expand(count, -1)
        return self._decoded(embedding, Noise(count, seed), how)

    def interpolate(
        self, image_a: Pictures, image_b: Pictures, count: int = 8, seed: int | None = None, **how: Any
    ) -> Any:
        """From one picture to another along the arc between their embeddings (section 3.2), of one noise throughout.

        Raises:
            ValueError: a count below 2, several pictures at an end, or a sampler that adds noise on its way.
        """
        if count < 2:
            raise ValueError(f"count is at least 2, both ends among them; got {count}.")
        a, b = self._one(image_a), self._one(image_b)
        between = torch.cat([slerp(a, b, i / (count - 1)) for i in range(count)])
        return self._decoded(between, _Same(count, seed, how.get("sampler")), how)

    def text_difference(
        self,
        image: Pictures,
        before: str,
        after: str,
        weights: Sequence[float] = (0.0, 0.15, 0.3, 0.45),
        seed: int | None = None,
        **how: Any,
    ) -> Any:
        """A picture turned towards what one text says and another does not (section 3.3), of one noise throughout.

        Args:
            before, after: what the picture is, and what it is to become.
            weights: shares of the arc from the picture's embedding to the texts' difference, each in [0, 1]; the paper
                goes up to between 0.25 and 0.5.

        Raises:
            ValueError: texts that say the same, a weight outside [0, 1], several pictures, or a sampler that adds noise
                on its way.
        """
        if not weights or not all(0 <= weight <= 1 for weight in weights):
            raise ValueError(f"weights are shares of the arc in [0, 1], at least one; got {list(weights)}.")
        read, _, _ = self.read(prompts_of([before, after]))
        difference = read[1:] - read[:1]
        if difference.norm() < 1e-6:
            raise ValueError(f"The two texts must differ for CLIP; got {before!r} and {after!r}.")
        embedding, towards = self._one(image), F.normalize(difference, dim=-1)
        turned = torch.cat([slerp(embedding, towards, weight) for weight in weights])
        return self._decoded(turned, _Same(len(weights), seed, how.get("sampler")), how)

    def truncated(
        self, image: Pictures, components: Components, counts: Sequence[int], seed: int | None = None, **how: Any
    ) -> Any:
        """What is left of a picture when only so many components of its embedding are kept (figure 7).

        Raises:
            ValueError: no count, one that is not 0 to the number of components, several pictures, or a sampler that
                adds noise on its way.
        """
        if not counts:
            raise ValueError("Say how many components are kept, at least once; got no count. Try [0, 8, 32].")
        embedding = self._one(image)
        cut = torch.cat([components.truncate(embedding, count) for count in counts])
        return self._decoded(cut, _Same(len(counts), seed, how.get("sampler")), how)

    def _one(self, image: Pictures) -> Tensor:
        embedding = self.embed(image)
        if len(embedding) != 1:
            raise ValueError(f"Give one picture here; got {len(embedding)}.")
        return embedding

    def _decoded(self, embedding: Tensor, noise: Noise, how: dict[str, Any]) -> Any:
        output_type = how.pop("output_type", "pil")
        return self.decode(embedding, changed(None, how), noise, output_type)


class _Same(Noise):
    """The same noise for every picture, so that they differ in nothing but their embedding.

    A sampler that adds noise on its way draws it for the batch, and would give each picture its own.
    """

    def __init__(self, count: int, seed: int | None, sampler: Any = None):
        if sampler in ADD_NOISE:
            raise ValueError(
                f"These pictures start from the same noise, and {sampler} gives each its own on the way. Take ddim, "
                "heun or another that adds none."
            )
        super().__init__(1, seed)
        self.all = count

    def __call__(self, *shape: int) -> Tensor:
        return super().__call__(*shape).expand(self.all, *shape)
