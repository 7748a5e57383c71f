"""The language models' recipe: gaps that can be filled in again, chance from the seed and the step, a model opened."""

from dataclasses import replace

import pytest
import torch

from t2ilab.pipelines.cascade import Reading
from t2ilab.recipes import language_shapes, language_storybook
from t2ilab.recipes.language import CUT, GAPS, IGNORED, corrupted
from t2ilab.training.loop import train

SMALL = {"batch": 8, "width": 16, "layers": 1, "heads": 2, "head_dim": 8, "hidden": 16}
START, END, GAP = 90, 91, 100


def texts(count=300):
    generator = torch.Generator().manual_seed(1)
    rows = []
    for _ in range(count):
        words = torch.randint(80, (int(torch.randint(1, 15, (), generator=generator)),), generator=generator)
        rows.append([START, *words.tolist(), *[END] * (16 - 1 - len(words))])
    return torch.tensor(rows)


def test_what_was_cut_out_fits_into_the_gaps():
    ids = texts()
    cut, said = corrupted(ids, END, GAP, torch.Generator().manual_seed(2))
    gone, words = 0, 0
    for row, text, answer in zip(ids.tolist(), cut.tolist(), said.tolist(), strict=True):
        spans: dict[int, list[int]] = {}
        for token in answer[: answer.index(END)]:
            if token >= GAP:
                spans[token] = []
            else:
                spans[list(spans)[-1]].append(token)
        assert 1 <= len(spans) <= GAPS  # every text has a gap, so that every text teaches
        assert list(spans) == list(range(GAP, GAP + len(spans)))  # named in order
        filled = [word for token in text for word in spans.get(token, [token])]
        assert filled[: len(row)] == row or filled == row[: len(filled)]
        assert set(answer[answer.index(END) + 1 :]) <= {IGNORED}
        gone += sum(map(len, spans.values()))
        words += row.index(END) - 1
    assert abs(gone / words - CUT) < 0.1


def test_a_text_without_words_has_no_gap():
    ids = torch.tensor([[START, END, END]])
    cut, said = corrupted(ids, END, GAP, torch.Generator())
    assert torch.equal(cut, ids)
    assert said.tolist() == [[END]]


@pytest.fixture
def small(cpu):
    return lambda seed=3, **changes: language_shapes.Recipe(
        cpu, seed, replace(language_shapes.NUMBERS, **(SMALL | changes))
    )


def test_the_loss_is_a_function_of_seed_and_step(small):
    recipe = small()
    first = recipe.loss(5).item()
    torch.rand(7)
    assert recipe.loss(5).item() == first
    assert small().loss(5).item() == first
    assert small(4).loss(5).item() != first


def test_it_learns_and_is_opened_as_what_reads_for_a_cascade(small, tmp_path, cpu):
    recipe = small(learning_rate=0.02, warmup=1)
    losses = [step.loss for step in train(recipe.model, recipe.loss, recipe.plan(25))]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    recipe.save(recipe.model, tmp_path)
    assert recipe.model.training or all(parameter.requires_grad for parameter in recipe.model.parameters())
    reading = Reading.from_pretrained(tmp_path, cpu)
    tokens, mask = reading(["a big red star", ""])
    ids = recipe.tokenizer(["a big red star", ""])
    expected = recipe.model(ids, mask) * mask[..., None]
    torch.testing.assert_close(tokens, expected, rtol=0, atol=0.02)
    scores = recipe.measure(recipe.model, 16)
    assert set(scores) == {"en", "ja", "held out"}
    assert all(0 <= score <= 1 for score in scores.values())
    again = small()
    again.start_from(str(tmp_path))
    torch.testing.assert_close(again.model.shared.weight, recipe.model.shared.weight, rtol=0, atol=0.01)
    with pytest.raises(ValueError, match="other words or widths than language-shapes"):
        small(width=32).start_from(str(tmp_path))


def test_every_caption_of_the_storybook_fits(cpu):
    numbers = language_storybook.NUMBERS
    recipe = language_storybook.Recipe(cpu, 0, replace(numbers, **SMALL))
    captions = recipe.world.captions(0, 500)
    assert not any(recipe.tokenizer.unread(caption) for caption in captions)
