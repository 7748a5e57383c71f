"""Where a data set lies: a folder, the Hugging Face hub, or what is kept of it here; size and licence said first."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm.auto import tqdm

from t2ilab.data.sources import SOURCES, Source

FORMS = {".parquet": "parquet", ".tar": "webdataset"}  # of single files; a shard of either can be read by itself
CLASS_NAMES = "classnames.txt"  # one a line, as the data sets of CLIP's benchmark keep them
SECONDS = 8.0  # that the hub has to answer
PARQUET_COPY = "refs/convert/parquet"  # the branch in which the hub keeps its own copy in Parquet


@dataclass(frozen=True)
class Opened:
    """One split of a data set, ready to be read.

    Attributes:
        dataset: an `IterableDataset` whose pictures are bytes or paths.
        split: its name.
        shards: the files that it is read from, or "shard 1 of 3", one for each `dataset.shard`.
        features: column -> what `datasets` takes it for.
        class_names: reads the names of the classes that lie beside it; None where there are none.
        said: what was said before anything was downloaded; None where nothing had to be.
    """

    dataset: Any
    split: str
    shards: tuple[str, ...]
    features: Mapping[str, Any]
    class_names: Callable[[], list[str] | None]
    said: str | None = None


def open_source(source: Source, revision: str | None = None, download: bool = False) -> Opened:
    """Finds a data set and opens its split; see `hub.stream` for the arguments and for what is raised."""
    try:
        import datasets  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "Data sets need the library datasets, which is not installed: pip install datasets."
        ) from error
    # It logs what it raises; we say that in a sentence.
    logging.getLogger("datasets.packaged_modules").setLevel(logging.CRITICAL)
    path = Path(source.id).expanduser()
    if path.is_file():
        if path.suffix not in FORMS:
            raise ValueError(f"A file must be a Parquet file or a .tar shard; got {str(path)!r}. Or give its folder.")
        return _opened(_load(FORMS[path.suffix], data_files=[str(path)]), source, _names_in(path.parent))
    if path.is_dir():
        return _opened(_builder(path, source, _inside(path)), source, _names_in(path))
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source.id):
        raise ValueError(
            f"There is no folder {source.id!r}; a data set of the Hugging Face hub has an id like 'owner/name'; this "
            f"course knows some for {', '.join(SOURCES)}."
        )
    return _from_hub(source, revision, download)


def say(sentence: str) -> None:
    """Says a sentence to who watches, without breaking a progress bar."""
    tqdm.write(sentence, file=sys.stderr)


def first_line(error: BaseException) -> str:
    """The first sentence of an error, to stand in another."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].split(". ")[0].rstrip(".:")


# The hub


def _from_hub(source: Source, revision: str | None, download: bool) -> Opened:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi().dataset_info(source.id, revision=revision, timeout=SECONDS)
    except GatedRepoError as error:
        raise _gated(source.id) from error
    except RevisionNotFoundError as error:
        raise ValueError(f"{source.id} has no revision {revision!r}; leave it out for its main branch.") from error
    except RepositoryNotFoundError as error:
        raise ValueError(
            f"There is no folder {source.id!r}, and the hub has no such data set, or it is private; look at its name."
        ) from error
    except Exception as error:  # whatever the network raises: requests' errors, or httpx's since huggingface_hub 1
        return _from_cache(source, revision, error)

    files = [file.rfilename for file in info.siblings or []]
    if (script := f"{source.id.split('/')[1]}.py") in files:
        raise _script(
            source.id, script, f"give revision={PARQUET_COPY!r}, the hub's own copy in Parquet, or take another"
        )
    builder = _builder(source.id, source, files, revision)
    split = _split(builder, source)
    inside = [str(file).split(f"{source.id}@", 1)[-1].partition("/")[2] for file in _files(builder).get(split, ())]
    missing = [
        file
        for file in inside
        if not isinstance(try_to_load_from_cache(source.id, file, repo_type="dataset", revision=info.sha), str)
    ]
    said = None
    if missing or not inside:
        size = _megabytes(source, revision, missing)
        licence = getattr(info.card_data, "license", None) or source.licence or "a licence that its page does not name"
        doing, keeping = (
            ("Downloading", ", into the hub's cache") if download else ("Streaming", "; nothing is kept here")
        )
        said = f"{doing} {source.id}, split {split!r}: {size}, licence {licence}{keeping}."
        say(said)
        if not download:

            def class_names() -> list[str] | None:
                if CLASS_NAMES not in files:
                    return None
                return _lines(Path(hf_hub_download(source.id, CLASS_NAMES, repo_type="dataset", revision=revision)))

            return _opened(builder, source, class_names, said)
    wanted = [*inside, "README.md", CLASS_NAMES]
    try:
        folder = snapshot_download(
            source.id, repo_type="dataset", revision=revision, allow_patterns=wanted, etag_timeout=SECONDS
        )
    except Exception as error:
        raise OSError(
            f"The download of {source.id} broke off ({first_line(error)}); run it again, it goes on where it stopped."
        ) from error
    return _opened(_kept(Path(folder), source), source, _names_in(Path(folder)), said)


def _from_cache(source: Source, revision: str | None, reason: Exception) -> Opened:
    """What `download=True` kept in the hub's cache, or `datasets` in its own."""
    import datasets
    from huggingface_hub import snapshot_download

    few = ["README.md"]  # asked for all its files, the library would miss the splits that nobody needed
    try:
        folder = Path(
            snapshot_download(
                source.id, repo_type="dataset", revision=revision, allow_patterns=few, local_files_only=True
            )
        )
    except Exception:
        folder = None
    if folder and _shards(_inside(folder)):
        return _opened(_kept(folder, source), source, _names_in(folder))
    settings = datasets.config
    before, settings.HF_HUB_OFFLINE = settings.HF_HUB_OFFLINE, True  # or it would knock at the hub for half a minute
    try:
        builder = _load(source.id, name=source.config, revision=revision)
    except Exception:
        raise OSError(
            f"There is no folder {source.id!r}; the Hugging Face hub is out of reach, and nothing of such a data set "
            f"is kept on this machine ({first_line(reason)}). stream(..., download=True) keeps one."
        ) from reason
    finally:
        settings.HF_HUB_OFFLINE = before
    return _opened(builder, source, lambda: None)


def _kept(folder: Path, source: Source) -> Any:
    """The builder of a snapshot, which may lack splits that its README speaks of."""
    try:
        builder = _builder(folder, source, _inside(folder))
        if not source.split or source.split in _files(builder):
            return builder
    except ValueError:  # a split that the README names is not here
        pass
    shards = _shards(_inside(folder))
    if (source.split or "train") not in shards:
        kept = ", ".join(name for names in shards.values() for name in names)
        raise OSError(
            f"The Hugging Face hub is out of reach, and of {source.id} this machine keeps {kept}, but no split "
            f"{source.split or 'train'!r}; stream(..., download=True) keeps one."
        )
    return _load(folder, data_files=shards)


def _megabytes(source: Source, revision: str | None, files: list[str]) -> str:
    """How much is about to come: what the hub says of these files, else what the source says."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().dataset_info(source.id, revision=revision, files_metadata=True, timeout=4 * SECONDS)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        megabytes = sum(sizes[file] for file in files) / 1e6
        return f"{megabytes:,.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"
    except Exception:
        return f"about {source.megabytes:,.0f} MB" if source.megabytes else "of unknown size"


# The library


def _builder(place: str | Path, source: Source, files: list[str], revision: str | None = None) -> Any:
    name = place.resolve().name if isinstance(place, Path) else ""
    if f"{name}.py" in files:
        raise _script(str(place), f"{name}.py", "write it out as Parquet once, where it still loads")
    try:
        builder = _load(place, name=source.config, revision=revision)
        if builder.name not in ("imagefolder", *FORMS.values()) and (shards := _shards(files)):
            # The library goes by which ending there is most of, and took a list of classes for the data.
            builder = _load(place, revision=revision, data_files=shards)
        return builder
    except Exception as error:
        if "gated" in str(error):
            raise _gated(source.id) from error
        if "scripts are no longer supported" in str(error) or "trust_remote_code" in str(error):
            raise _script(str(place), "a program", "take a copy of it in Parquet") from error
        if isinstance(error, FileNotFoundError) or type(error).__name__ == "DataFilesNotFoundError":
            raise ValueError(
                f"{place} holds no data set, which is Parquet files, pictures with metadata.jsonl or in one folder for "
                f"each class, or .tar shards ({first_line(error)})."
            ) from error
        raise ValueError(f"{place} cannot be opened: {' '.join(str(error).split())[:300]}") from error


def _load(place: str | Path, **options: Any) -> Any:
    import datasets

    return datasets.load_dataset_builder(str(place), **options)


def _inside(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _shards(files: list[str]) -> dict[str, list[str]]:
    """Split -> those of the files that are shards, all of one form, by what their paths say."""
    shards: dict[str, list[str]] = {}
    for ending in FORMS:
        for file in files:
            if file.endswith(ending):
                split = next((split for split in ("train", "validation", "test") if split in file), "train")
                shards.setdefault(split, []).append(file)
        if shards:
            break
    return shards


def _files(builder: Any) -> dict[str, Any]:
    """Split -> its files; a data set of the library's own cache tells none."""
    if builder.config.data_files:
        return {str(split): files for split, files in builder.config.data_files.items()}
    return {str(split): () for split in builder.info.splits or ()}


def _split(builder: Any, source: Source) -> str:
    there = list(_files(builder))
    wanted = source.split or ("train" if "train" in there or not there else there[0])
    if there and wanted not in there:
        raise ValueError(f"{source.id} has the splits {', '.join(there)}; got {wanted!r}.")
    return wanted


def _opened(
    builder: Any, source: Source, class_names: Callable[[], list[str] | None], said: str | None = None
) -> Opened:
    from datasets import Image

    split = _split(builder, source)
    files = tuple(str(file) for file in _files(builder).get(split, ()))
    if files and all(PurePosixPath(file).suffix in FORMS for file in files):
        # The other splits would be looked into as well; and a broken one must not get in the way of this one.
        both = builder.config.data_files
        builder.config.data_files = type(both)({name: both[name] for name in both if str(name) == split})
    try:
        dataset = builder.as_streaming_dataset(split=split)
        features = dict(dataset.features or dict.fromkeys(next(iter(dataset), {})))
    except Exception as error:
        if _in_chain(error, "GatedRepoError"):
            raise _gated(source.id) from error
        first = [file for file in files if re.search(r"(\.parquet|\.tar|/metadata\.\w+)$", file)]
        raise unreadable(first[0] if first else source.id, error) from error
    for column, feature in features.items():
        if isinstance(feature, Image):
            dataset = dataset.cast_column(column, Image(decode=False))
    if (count := dataset.num_shards) == len(files):
        shards = files
    elif count == 1:
        shards = (source.id,)
    else:
        shards = tuple(f"shard {i + 1} of {count} of {source.id}" for i in range(count))
    return Opened(dataset, split, shards, features, class_names, said)


def unreadable(where: str, error: BaseException, later: str = "") -> OSError:
    """The error that names a shard and says what to do, now or `later`."""
    why = first_line(error)
    if is_out_of_reach(where, error):
        return OSError(f"The Hugging Face hub went out of reach at {where} ({why}); try again{later}.")
    return OSError(f"{where} is broken ({why}): it is cut short or changed; download or copy it again.")


def is_out_of_reach(where: str, error: BaseException) -> bool:
    """Whether an error is of the way to a shard, and not of what it holds."""
    of_content = ("tarfile", "pyarrow", "zlib", "json")
    return "://" in where and type(error) is not ValueError and type(error).__module__.split(".")[0] not in of_content


def is_cut_short(shard: str) -> bool:
    """Whether a .tar of this machine lacks its end, which tarfile does not tell where it was cut between two files."""
    if "://" in shard or not shard.endswith(".tar"):
        return False
    with open(shard, "rb") as file:
        file.seek(-512, 2)
        return any(file.read())


def _in_chain(error: BaseException | None, name: str) -> bool:
    return error is not None and (type(error).__name__ == name or _in_chain(error.__cause__ or error.__context__, name))


def _gated(name: str) -> ValueError:
    return ValueError(f"{name} asks for a login: accept its licence on its page of the hub, then run `hf auth login`.")


def _script(name: str, script: str, fix: str) -> ValueError:
    return ValueError(
        f"{name} needs a loading script ({script}), which would run as a program on this machine; the datasets library "
        f"no longer supports such, and neither does this course: {fix}."
    )


def _names_in(folder: Path) -> Callable[[], list[str] | None]:
    return lambda: _lines(folder / CLASS_NAMES) if (folder / CLASS_NAMES).is_file() else None


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
