"""What the recipes of the language models share: T5's way to learn a language from its texts alone.

Raffel et al. 2020, section 3.1.4: spans of a text are cut out, each leaves a token that stands for its gap, and the
decoder says the gaps' tokens, each with what stood there. No picture is shown: Imagen's point is that none is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.world import World
from t2ilab.device import DeviceManager
from t2ilab.nets.t5 import T5, T5Config
from t2ilab.pipelines.cascade import Reading
from t2ilab.training.loop import Plan

GAPS = 8  # tokens beyond the vocabulary that stand for gaps, the first of a text first
CUT = 0.3  # of a text's tokens: captions are short, and the paper's 0.15 would be one word of most
SPAN = 2.0  # tokens that a gap has on average; the paper's are 3
IGNORED = -100  # what no loss counts


@dataclass(frozen=True)
class Numbers:
    """All that tells one language model from another.

    Attributes:
        name: of the model.
        level: of the world whose captions it reads.
        steps, batch, learning_rate, warmup: of the training; steps and warmup in optimizer steps.
        context_length: tokens of the longest caption.
        width, layers, heads, head_dim, hidden: of the network, as in `T5Config`.
        partial, japanese: shares of the captions, as in `World`.
    """

    name: str
    level: str
    steps: int
    batch: int = 64
    learning_rate: float = 3e-3
    warmup: int = 50
    context_length: int = 24
    width: int = 64
    layers: int = 2
    heads: int = 4
    head_dim: int = 16
    hidden: int = 128
    partial: float = 0.2
    japanese: float = 0.25


class LanguageRecipe:
    """Data, net and loss; a recipe adds its numbers, and the runner does the rest."""

    def __init__(self, device: DeviceManager, seed: int, numbers: Numbers):
        device.seed(seed)
        self.device, self.seed, self.numbers = device, seed, numbers
        self.world = self._world(numbers.partial, numbers.japanese)
        self.tokenizer = CLIPTokenizer.train(vocabulary(numbers.level), numbers.context_length)
        n, size = numbers, len(self.tokenizer.vocab) + GAPS
        self.model = device.place(T5(T5Config(size, n.width, n.layers, n.heads, n.head_dim, n.hidden)))

    def _world(self, partial: float, japanese: float, held_out: bool = False) -> World:
        return World(seed=self.seed, level=self.numbers.level, partial=partial, japanese=japanese, held_out=held_out)

    def start_from(self, start: str) -> None:
        """Takes over the encoder of a saved model. Raises ValueError for one of other words or widths."""
        theirs = Reading.from_pretrained(start, self.device)
        if (theirs.tokenizer.vocab, theirs.encoder.config) != (self.tokenizer.vocab, self.model.config):
            raise ValueError(f"{start} has other words or widths than {self.numbers.name}, so it cannot be its start.")
        self.model.load_state_dict(theirs.encoder.state_dict(), strict=False)

    def plan(self, steps: int | None = None) -> Plan:
        n = self.numbers
        facts = {"recipe": n.name, "seed": self.seed, "steps": steps or n.steps}
        return Plan(steps or n.steps, n.learning_rate, n.warmup, facts=facts)

    def loss(self, step: int) -> Tensor:
        """The loss of the step-th batch; all its chance comes from the seed and the step."""
        ids = self.tokenizer(self.world.captions(step, self.numbers.batch))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        logits, wanted = self._guess(self.model, ids, generator)
        return F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)

    def _guess(self, model: T5, ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What the decoder says of texts (B, L) with gaps: logits (B, N, vocab_size), and what it should (B, N)."""
        start, end = self.tokenizer.start_id, self.tokenizer.end_id
        cut, said = corrupted(ids, end, len(self.tokenizer.vocab), generator)
        given = F.pad(said.clamp(min=0)[:, :-1], (1, 0), value=start)  # the decoder begins with the start token
        cut, said, given = (one.to(self.device.device) for one in (cut, said, given))
        with self.device.autocast():
            return model.predict(cut, self.tokenizer.mask(cut), given), said

    @torch.no_grad()
    def measure(self, model: T5, count: int = 1000) -> dict[str, float]:
        """The share of the tokens in gaps that are guessed, in English and Japanese captions never seen: of scenes
        that training may show, and of those that it may not."""
        scores = {}
        for name, japanese, held_out in (("en", 0.0, False), ("ja", 1.0, False), ("held out", 0.0, True)):
            world = replace(self._world(0.0, japanese, held_out), seed=self.seed + 1)
            ids = self.tokenizer(world.captions(0, count))
            logits, wanted = self._guess(model, ids, torch.Generator().manual_seed(self.seed))
            words = (wanted >= 0) & (wanted < len(self.tokenizer.vocab)) & (wanted != self.tokenizer.end_id)
            scores[name] = (logits.argmax(-1) == wanted)[words].float().mean().item()
        return scores

    def sheet(self, model: T5) -> Tensor | None:
        return None

    def save(self, model: T5, folder: Path) -> None:
        """Writes the encoder, which transformers' T5EncoderModel opens, and the tokenizer."""
        Reading(model, self.tokenizer, self.device).save_pretrained(folder)
        model.requires_grad_(True)


def corrupted(ids: Tensor, end: int, first_gap: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Texts with gaps, and what stood in them.

    Args:
        ids: int64 (B, L): start, words, end, padding.
        end: the end token, which pads too.
        first_gap: the id of the first of `GAPS` tokens that stand for gaps.

    Returns:
        The texts, each gap one token: int64 (B, L). What the decoder is to say, each gap's token and what stood there,
        then the end token, and `IGNORED` after it: int64 (B, N).
    """
    texts, answers = [], []
    for row in ids.tolist():
        words = row[1 : row.index(end)]
        text, answer, gaps, i = row[:1], [], 0, 0
        if words:  # a gap for certain, wherever it begins
            sure = int(torch.randint(len(words), (), generator=generator))
        while i < len(words):
            chance = torch.rand(2, generator=generator).tolist()
            if gaps < GAPS and (i == sure or chance[0] < CUT / SPAN):
                length = 1 + (chance[1] < 0.5) + (chance[1] < 0.25) + (chance[1] < 0.125)  # 1.9 on average
                text.append(first_gap + gaps)
                answer += [first_gap + gaps, *words[i : i + length]]
                gaps, i = gaps + 1, i + length
            else:
                text.append(words[i])
                i += 1
            sure = max(sure, i) if not gaps else -1
        texts.append(text + [end] * (len(row) - len(text)))
        answers.append([*answer, end])
    longest = max(map(len, answers))
    return torch.tensor(texts), torch.tensor([answer + [IGNORED] * (longest - len(answer)) for answer in answers])
