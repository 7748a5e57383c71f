"""The reader's features: what its heads for the picture as a whole read, and which pictures they are not made of."""

import math

import pytest
import torch

from t2ilab.metrics import features
from t2ilab.nets.reader import Reader


@pytest.fixture
def reader():
    torch.manual_seed(0)
    return Reader({"thing": ["a", "b"]}, {"background": ["c", "d"]}, 8).eval()


@pytest.mark.parametrize("size", [32, 48])
def test_they_are_what_the_heads_read(reader, size):
    images = torch.rand(5, 3, size, size) * 2 - 1
    found = features(images, reader, batch_size=2)
    assert found.shape == (5, 64)
    torch.testing.assert_close(reader.whole_heads["background"](found), reader(images).whole["background"])
    torch.testing.assert_close(reader.recognised(found)[:, 0], reader(images).recognised)


@pytest.mark.parametrize(("images", "sentence"), [
    (torch.zeros(3, 32, 32), r"at least one; got \(3, 32, 32\)"),
    (torch.zeros(0, 3, 32, 32), r"got \(0, 3, 32, 32\)"),
    (torch.full((1, 3, 32, 32), 255.0), r"in \[-1, 1\]; got 255 to 255"),
    (torch.full((1, 3, 32, 32), math.nan), "must be finite"),
])  # fmt: skip
def test_what_is_no_picture(reader, images, sentence):
    with pytest.raises(ValueError, match=sentence):
        features(images, reader)
