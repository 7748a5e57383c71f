"""The instruments: what reads a picture back, and whose features tell heaps of pictures apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from t2ilab import metrics, zoo
from t2ilab.nets.reader import Reader
from t2ilab.pipelines.image_text import ImageText

READER = "reader"


@dataclass(frozen=True)
class Judge:
    """What measures the models.

    Args:
        reader: reads pictures back.
        features: pictures (B, 3, H, W) in [-1, 1] -> (B, D).
        network: the name of the network whose features these are; it belongs beside every FID and KID.
        fingerprint: of the instruments' weights: figures of others do not compare.
    """

    reader: Reader
    features: Callable[[Tensor], Tensor]
    network: str
    fingerprint: str = ""

    @classmethod
    def of(cls, network: str = READER, device: str | None = None) -> Judge:
        """The zoo's reader, with its own features or those of a CLIP of the zoo or of a folder, "clip-storybook".

        Raises:
            ValueError: a network that is neither.
            OSError: a file that is missing, cut short or changed.
        """
        reader = metrics.default_reader()
        hashes = dict(zoo.card(READER).sha256)
        if network == READER:
            features: Callable[[Tensor], Tensor] = metrics.features
        else:
            known = network in zoo.names()
            sees = (zoo.ROOT / network / "preprocessor_config.json").exists() if known else Path(network).is_dir()
            if not sees and (known or "/" not in network):
                raise ValueError(
                    f"Features are those of {READER!r}, or of a CLIP such as 'clip-storybook'; got {network!r}."
                )
            clip = ImageText.from_pretrained(network, device)
            features = clip.encode_image
            hashes |= zoo.card(network).sha256 if known else {"network": network}
        digest = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
        return cls(reader, features, network, digest[:12])
