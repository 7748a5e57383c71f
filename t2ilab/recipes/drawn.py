"""How well a text-to-image model draws what was asked, on prompts that no training draws: the figures of its card."""

from __future__ import annotations

from t2ilab.data.understanding import understand
from t2ilab.data.world import World
from t2ilab.metrics import faithfulness
from t2ilab.pipelines.text_to_image import TextToImage

LECTURE = (
    "an astronaut riding a horse",
    "a brain riding a rocket heading towards the moon",
    "a robot, red and grey",
    "a hot air balloon",
    "a chef in the kitchen",
)
ASKED = (("en", "en", False), ("ja", "ja", False), ("held out", "en", True))  # score, language, whether held out


def shapes_scores(pipe: TextToImage, count: int, seed: int) -> dict[str, float]:
    """Faithfulness on full captions: English, Japanese, and pairs of thing and colour never seen in training."""
    scores = {}
    for name, language, held_out in ASKED:
        prompts, scenes = World(seed=seed, held_out=held_out).prompts(count, language)
        images = pipe(prompts, seed=10_000, output_type="pt") * 2 - 1
        result = faithfulness(images, scenes)
        scores[name] = result.all
        scores |= {f"{name} {a}": share for a, share in result.attributes.items()}
    return scores


def storybook_scores(pipe: TextToImage, count: int, seed: int) -> dict[str, float]:
    """Faithfulness on full captions of one, two and three things in both languages, on what training never showed,
    and on sixteen seeds of each of the lecture's prompts."""
    scores = {}
    for things in (1, 2, 3):
        for name, language, held_out in ASKED:
            world = World(seed=seed, held_out=held_out, level="storybook")
            prompts, scenes = world.prompts(count, language, things)
            images = pipe(prompts, seed=10_000, output_type="pt") * 2 - 1
            result = faithfulness(images, scenes)
            scores[f"{name} {things}"] = result.all
            if name == "en":
                scores |= {f"{name} {things}, {a}": share for a, share in result.attributes.items()}
    for prompt in LECTURE:
        images = pipe([prompt] * 16, seed=20_000, output_type="pt") * 2 - 1
        scores[prompt] = faithfulness(images, [understand(prompt)[0]] * 16).all
    return scores
