"""`storybook-pixel`: text to 32x32 pictures of the whole storybook, trained from nothing on two CPU cores."""

from __future__ import annotations

from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.metrics import faithfulness
from t2ilab.nets.unet import UNetConfig
from t2ilab.recipes.pixel import Model, Numbers, PixelRecipe

NUMBERS = Numbers(
    name="storybook-pixel",
    level="storybook",
    steps=18_000,
    batch=32,
    learning_rate=3e-3,
    warmup=200,
    whole=6_000,
    partial=0.25,
    japanese=0.3,
    context_length=32,
    unet=UNetConfig(
        block_out_channels=(48, 64, 96),
        attention=(False, True, True),
        cross_attention_dim=96,
        patch_size=2,
        ff_multiple=2,
        pooled_context=True,
        positions=True,
        scale_shift=True,
    ),
    two_colors=0.9,
)
NAME, STEPS = NUMBERS.name, NUMBERS.steps
DATA = (
    "Scenes of the storybook, drawn as it trains, with second colours half as often again as where it is measured; "
    "three in ten captions Japanese, and one in four partial, from step 6,000 on or, with a start that knows the "
    "words, at once."
)
LIMITS = "Up to three things a picture, 32x32 pixels, and only the words of this world; some pairs unseen."
LECTURE = (
    "an astronaut riding a horse",
    "a brain riding a rocket heading towards the moon",
    "a robot, red and grey",
    "a hot air balloon",
    "a chef in the kitchen",
)


class Recipe(PixelRecipe):
    """The numbers, and what is measured."""

    def __init__(self, device: DeviceManager, seed: int = 0, numbers: Numbers = NUMBERS):
        super().__init__(device, seed, numbers)

    def measure(self, model: Model, count: int = 512) -> dict[str, float]:
        """Faithfulness on full captions of one, two and three things in both languages, on what training never showed,
        and on sixteen seeds of each of the lecture's prompts."""
        pipe = self.pipeline(model)
        scores = {}
        for things in (1, 2, 3):
            for name, language, held_out in (("en", "en", False), ("ja", "ja", False), ("held out", "en", True)):
                prompts, scenes = World(seed=self.seed, held_out=held_out, level="storybook").prompts(
                    count, language, things
                )
                images = pipe(prompts, seed=10_000, output_type="pt") * 2 - 1
                result = faithfulness(images, scenes)
                scores[f"{name} {things}"] = result.all
                if name == "en":
                    scores |= {f"{name} {things}, {a}": share for a, share in result.attributes.items()}
        for prompt in LECTURE:
            images = pipe([prompt] * 16, seed=20_000, output_type="pt") * 2 - 1
            scores[prompt] = faithfulness(images, [understand(prompt)[0]] * 16).all
        return scores
