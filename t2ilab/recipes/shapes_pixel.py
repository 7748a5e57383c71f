"""`shapes-pixel`: text to 32x32 pictures of the `shapes` level, trained from nothing on two CPU cores."""

from __future__ import annotations

from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.metrics import faithfulness
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.pixel import Model, Numbers, PixelRecipe

NUMBERS = Numbers(
    name="shapes-pixel",
    level="shapes",
    steps=4_800,
    batch=32,
    learning_rate=3e-3,
    warmup=200,
    whole=2_000,
    partial=0.2,
    japanese=0.25,
    context_length=24,
    unet=UNetConfig(
        block_out_channels=(32, 32, 64),
        attention=(False, False, True),
        cross_attention_dim=64,
        patch_size=2,
        ff_multiple=2,
        pooled_context=True,
        positions=True,
        scale_shift=True,
    ),
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the shapes level, drawn as it trains; a quarter of captions Japanese, from step 2,000 a fifth partial."
)
LIMITS = "One shape a picture, 32x32 pixels, and only the words of this world; eight pairs of thing and colour unseen."


class Recipe(PixelRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def measure(self, model: Model, count: int = 512) -> dict[str, float]:
        """Faithfulness on full captions: English, Japanese, and pairs of thing and colour never seen in training."""
        pipe = self.pipeline(model)
        scores = {}
        for name, language, held_out in (("en", "en", False), ("ja", "ja", False), ("held out", "en", True)):
            prompts, scenes = World(seed=self.seed, held_out=held_out).prompts(count, language)
            images = pipe(prompts, seed=10_000, output_type="pt") * 2 - 1
            result = faithfulness(images, scenes)
            scores[name] = result.all
            scores |= {f"{name} {a}": share for a, share in result.attributes.items()}
        return scores
