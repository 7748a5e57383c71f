"""Recognition from words: against open_clip's and torchmetrics' ways, and slow ones."""

import math

import pytest
import torch
import torch.nn.functional as F

from t2ilab.clip.zeroshot import PHOTOGRAPHS, evaluate, topk_accuracy, zero_shot_predict, zero_shot_weights

NAMES, TEMPLATES = ["cat", "hot air balloon", "dog"], ["a photo of a {}.", "{}", "my {}"]


def encode(texts):
    """Another vector for each text, of another length."""
    rows = [
        torch.randn(6, generator=torch.Generator().manual_seed(sum(text.encode()) * 31 + len(text))) for text in texts
    ]
    return torch.stack([row * (1 + len(text)) for row, text in zip(rows, texts, strict=True)]).double()


def test_weights_are_normalised_means_of_normalised_features():
    weights = zero_shot_weights(encode, NAMES, TEMPLATES)
    for name, row in zip(NAMES, weights, strict=True):
        mean = sum(F.normalize(encode([t.format(name)])[0], dim=0) for t in TEMPLATES) / len(TEMPLATES)
        torch.testing.assert_close(row, mean / mean.norm())


def test_weights_are_open_clips():
    from open_clip.zero_shot_classifier import build_zero_shot_classifier

    class Model:
        def encode_text(self, texts, normalize):
            return F.normalize(encode(texts), dim=-1)

    class Tokens(list):
        def to(self, device):
            return self

    theirs = build_zero_shot_classifier(
        Model(), Tokens, NAMES, [lambda name, t=t: t.format(name) for t in TEMPLATES], num_classes_per_batch=2
    )
    torch.testing.assert_close(zero_shot_weights(encode, NAMES, TEMPLATES), theirs.T)


def test_predictions_are_chances():
    images = encode(["one", "another"])
    weights = zero_shot_weights(encode, NAMES, TEMPLATES)
    chances = zero_shot_predict(images, weights, 20.0)
    assert chances.shape == (2, 3)
    torch.testing.assert_close(chances.sum(1), torch.ones(2).double())
    torch.testing.assert_close(zero_shot_predict(9 * images, weights, 20.0), chances)
    cosines = torch.stack([torch.stack([F.cosine_similarity(i, w, dim=0) for w in weights]) for i in images])
    torch.testing.assert_close(chances, (20 * cosines).exp() / (20 * cosines).exp().sum(1, keepdim=True))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_topk_accuracy_is_that_of_a_slow_loop(k):
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(40, 5, generator=generator), torch.randint(5, (40,), generator=generator)
    right = sum(
        int(label) in row.argsort(descending=True)[:k].tolist() for row, label in zip(logits, labels, strict=True)
    )
    assert topk_accuracy(logits, labels, k) == pytest.approx(right / 40)


def test_a_thousand_classes_are_evaluated_in_batches_as_in_one():
    generator = torch.Generator().manual_seed(1)
    weights = F.normalize(torch.randn(1000, 16, generator=generator), dim=-1)
    labels = torch.randint(1000, (130,), generator=generator)
    pictures = weights[labels] + 0.35 * torch.randn(130, 16, generator=generator)
    parts = [(pictures[i : i + 50], labels[i : i + 50]) for i in range(0, 130, 50)]
    scores = evaluate(lambda x: 4 * x, parts, weights)
    cosines = F.normalize(pictures, dim=-1) @ weights.T
    assert scores == pytest.approx(
        {"top-1": topk_accuracy(cosines, labels, 1), "top-5": topk_accuracy(cosines, labels, 5), "pictures": 130}
    )
    assert 0.05 < scores["top-1"] < scores["top-5"] < 1
    assert evaluate(lambda x: x, [(pictures[:, :16], labels % 2)], weights[:2])["top-5"] == 1
    with pytest.raises(ValueError, match="at least one picture"):
        evaluate(lambda x: x, [], weights)


def test_the_templates_for_photographs_are_templates():
    assert len(set(PHOTOGRAPHS)) == len(PHOTOGRAPHS) >= 30
    assert all(template.count("{}") == 1 for template in PHOTOGRAPHS)


@pytest.mark.parametrize(
    ("names", "templates", "sentence"),
    [
        ([], TEMPLATES, "at least one class, each with a name"),
        ("cat", TEMPLATES, "at least one class, each with a name; got 'cat'"),
        (["cat", " "], TEMPLATES, "each with a name"),
        (["cat", "dog", "cat"], TEMPLATES, "'cat' is there twice"),
        (NAMES, [], "Templates are a list of sentences"),
        (NAMES, "a {}", "Templates are a list of sentences"),
        (NAMES, ["a photo"], r"A template has one \{\}, where the name goes; got 'a photo'"),
        (NAMES, ["{} and {}"], r"A template has one \{\}"),
        (NAMES, ["{0} here {}"], r"A template has one \{\}"),
    ],
)
def test_bad_classes_and_templates_are_refused(names, templates, sentence):
    with pytest.raises(ValueError, match=sentence):
        zero_shot_weights(encode, names, templates)


def test_bad_features_logits_and_labels_are_refused():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    with pytest.raises(ValueError, match="Features must be finite"):
        zero_shot_weights(lambda texts: torch.full((len(texts), 2), math.nan), NAMES, TEMPLATES)
    with pytest.raises(ValueError, match="one row a text; got 1 rows for 9 texts"):
        zero_shot_weights(lambda texts: torch.ones(1, 2), NAMES, TEMPLATES)
    with pytest.raises(ValueError, match=r"compared with classes \(C, D\)"):
        zero_shot_predict(torch.ones(2, 3), torch.ones(4, 2), 1.0)
    with pytest.raises(ValueError, match="Features must be finite"):
        zero_shot_predict(torch.tensor([[math.inf, 1.0]]), torch.ones(4, 2), 1.0)
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"k is between 1 and the number of classes, 3; got {k}"):
            topk_accuracy(logits, labels, k)
    with pytest.raises(ValueError, match=r"Labels lie in \[0, 3\); got 0 to 3"):
        topk_accuracy(logits, torch.tensor([0, 1, 3, 0]), 1)
    with pytest.raises(ValueError, match="one label a row"):
        topk_accuracy(logits, labels[:2], 1)
