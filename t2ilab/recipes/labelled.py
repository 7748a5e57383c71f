"""What the recipes of GANs that hear labels share: labels of the `shapes` level, and how they are measured."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from t2ilab.data.world import World
from t2ilab.metrics import faithfulness
from t2ilab.pipelines.labels_to_image import VALUES, LabelsToImage, labels_of
from t2ilab.recipes.adversarial import AdversarialRecipe, compared, pairs_covered

ASKED = (("en", False), ("held out", True))  # score, whether pairs of shape and colour are held out


class LabelledRecipe(AdversarialRecipe):
    """A painter that is told what to paint; a recipe adds networks and losses."""

    def labels(self, step: int) -> Tensor:
        """What the pictures of the step-th batch show, int64 (B, 5)."""
        return labels_of(self.batch(step)["scene"]).to(self.device.device)

    def wrong_labels(self, step: int) -> Tensor:
        """The same, but for one label of each picture, which is another one now (B, 5)."""
        labels, generator = self.labels(step), self.chance(step, 3)
        which = torch.randint(len(VALUES), (len(labels),), generator=generator)
        most = torch.tensor(VALUES)[which]
        further = 1 + (torch.rand(len(labels), generator=generator) * (most - 1)).long()
        row = torch.arange(len(labels))
        wrong = labels.clone()
        wrong[row, which] = ((labels[row, which].cpu() + further) % most).to(labels)
        return wrong

    def painted(self, step: int, turn: int) -> Tensor:
        """Pictures of the painter of what the step-th batch shows."""
        return self.model.painter(self.noise(step, turn), self.labels(step))

    def pipeline(self, model: nn.Module) -> LabelsToImage:
        """The trained painter as something that takes prompts."""
        return LabelsToImage(model, self.device)  # type: ignore[arg-type]

    def measure(self, model: nn.Module, count: int = 1024) -> dict[str, float]:
        """Faithfulness on full captions, and on pairs of shape and colour that training never shows; how the pictures
        compare with the world's; and how many of the pairs that it shows are drawn."""
        pipe, scores = self.pipeline(model), {}
        for name, held_out in ASKED:
            _, scenes = World(seed=self.seed, held_out=held_out).prompts(count)
            images = pipe.draw(scenes, 10_000)
            result = faithfulness(images, scenes)
            scores[name] = result.all
            scores |= {f"{name} {a}": share for a, share in result.attributes.items()}
            if not held_out:
                real = World(size=images.shape[-1], seed=self.seed + 1).batch(0, count)["image"]
                scores |= {"pairs covered": pairs_covered(images)} | compared(real, images)
        return scores

    def sheet(self, model: nn.Module) -> Tensor:
        """Sixteen pictures of fixed prompts (16, 3, 32, 32) in [-1, 1], to watch while it trains."""
        _, scenes = World(seed=self.seed).prompts(16)
        return self.pipeline(model).draw(scenes)
