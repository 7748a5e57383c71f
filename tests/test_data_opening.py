"""Data sets of the Hugging Face hub, from a hub of our own on this machine: what is said, fetched, kept and refused."""

import io
import json
import tarfile
from types import SimpleNamespace

import pytest
from own_hub import NOWHERE, Repository, run_with_hub, serving

from t2ilab.data.export import pairs, write_dataset

pytest.importorskip("datasets")

CARD = """---
license: cc-by-4.0
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
  - split: test
    path: data/test-*
---
# A data set
"""
ASK = """
import json, sys
from t2ilab.data import hub, opening
opening.SECONDS = 2.0
for source, options in json.loads(sys.argv[1]):
    try:
        reader = hub.stream(source, **options)
        captions = [item["caption"] for item in reader]
        print(json.dumps({"captions": captions, "said": reader.said, "skipped": reader.skipped}))
    except (OSError, ValueError) as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
"""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """Name -> the folder of a data set that the hub has."""
    root = tmp_path_factory.mktemp("hub")
    tiny = root / "someone" / "tiny"
    for seed, name in enumerate(["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"]):
        (tiny / "data").mkdir(parents=True, exist_ok=True)
        write_dataset(tiny / "data" / f"{name}.parquet", 2, "parquet", size=16, seed=seed)
    (tiny / "README.md").write_text(CARD)

    # One shard, and lists beside it that the library takes for the data.
    shards = root / "someone" / "shards"
    (shards / "test").mkdir(parents=True)
    with tarfile.open(shards / "test" / "0.tar", "w") as tar:
        for i, pair in enumerate(pairs(2, 16)):
            for ending, content in {"png": pair.pictures["image"], "cls": str(1 - i).encode()}.items():
                entry = tarfile.TarInfo(f"s{i}.{ending}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    (shards / "test" / "nshards.txt").write_text("1\n")
    (shards / "classnames.txt").write_text("hot dog\nice cream\n")

    scripted = root / "someone" / "scripted"
    scripted.mkdir()
    (scripted / "scripted.py").write_text("raise SystemExit('run')\n")
    for name in ("closed", "half"):  # closed shows its card and asks for a login for the rest
        (root / "someone" / name / "data").mkdir(parents=True)
        write_dataset(root / "someone" / name / "data" / "train.parquet", 40, "parquet", size=32)
    return root


@pytest.fixture
def hub(repositories):
    def repository(name, **how):
        return Repository(repositories / "someone" / name, **how)

    has = {
        "someone/tiny": repository("tiny", licence="cc-by-4.0"),
        "someone/shards": repository("shards"),
        "someone/scripted": repository("scripted"),
        "someone/gated": repository("tiny", login="all"),
        "someone/closed": repository("closed", login="files"),
        "someone/half": repository("half", breaks_off=(".parquet",)),
    }
    with serving("datasets", has) as hub:
        yield hub


@pytest.fixture
def ask(hub, tmp_path):
    """Asks for data sets, one after the other, in a process of its own: what came of each, and what was said."""

    def ask(*calls, address=hub.address, offline="0", program=ASK):
        done = run_with_hub(program, json.dumps(calls), address=address, home=tmp_path / "home", offline=offline)
        assert done.code == 0, done.said
        answers = [SimpleNamespace(**json.loads(line)) for line in done.out.splitlines()]
        return SimpleNamespace(answers=answers, said=done.said)

    return ask


def texts(seed):
    return [pair.text for pair in pairs(2, 16, seed=seed)]


def shards(hub):
    return {path.rsplit("/", 1)[1] for path in hub.asked if "/resolve/" in path and path.endswith((".parquet", ".tar"))}


def megabytes(repositories, *names):
    return f"{sum((repositories / 'someone' / name).stat().st_size for name in names) / 1e6:.1f} MB"


def test_a_data_set_is_streamed_and_said_and_no_other_split_is_fetched(ask, hub, repositories):
    asked = ask(["someone/tiny", {"size": 16}])
    (answer,) = asked.answers
    assert answer.captions == texts(0) + texts(1)
    files = [f"tiny/data/train-0000{i}-of-00002.parquet" for i in range(2)]
    assert asked.said == [answer.said]
    assert answer.said == (
        f"Streaming someone/tiny, split 'train': {megabytes(repositories, *files)}, licence cc-by-4.0; "
        "nothing is kept here."
    )
    assert shards(hub) == {"train-00000-of-00002.parquet", "train-00001-of-00002.parquet"}


def test_going_on_from_a_state_fetches_no_shard_before(ask, hub):
    (answer,) = ask(["someone/tiny", {"skip": {"position": 3, "shard": 1, "row": 1}}]).answers
    assert answer.captions == texts(1)[1:]
    assert "train-00001-of-00002.parquet" in shards(hub)


def test_what_was_downloaded_serves_without_the_hub(ask, hub, repositories):
    first = ask(["someone/tiny", {"split": "test", "download": True}], ["someone/shards", {"download": True}])
    assert [answer.captions for answer in first.answers] == [
        texts(2),
        ["a photo of a ice cream.", "a photo of a hot dog."],
    ]
    assert first.said == [
        f"Downloading someone/tiny, split 'test': {megabytes(repositories, 'tiny/data/test-00000-of-00001.parquet')}, "
        "licence cc-by-4.0, into the hub's cache.",
        f"Downloading someone/shards, split 'test': {megabytes(repositories, 'shards/test/0.tar')}, licence a licence "
        "that its page does not name, into the hub's cache.",
    ]
    assert shards(hub) == {"test-00000-of-00001.parquet", "0.tar"}

    # Once it is kept, nothing is said and nothing comes, with the hub and without.
    hub.asked.clear()
    again = ask(["someone/tiny", {"split": "test"}], ["someone/shards", {"download": True}])
    assert [answer.captions for answer in again.answers] == [answer.captions for answer in first.answers]
    assert (again.said, shards(hub)) == ([], set())
    for how in ({"offline": "1"}, {"address": NOWHERE}):
        calls = ["someone/tiny", {"split": "test"}], ["someone/shards", {}], ["someone/tiny", {}]
        later = ask(*calls, **how)
        assert [answer.captions for answer in later.answers[:2]] == [answer.captions for answer in first.answers]
        assert later.answers[2].error == (
            "OSError: The Hugging Face hub is out of reach, and of someone/tiny this machine keeps "
            "data/test-00000-of-00001.parquet, but no split 'train'; stream(..., download=True) keeps one."
        )
        assert later.said == []


def test_what_the_library_kept_serves_without_the_hub(ask):
    prepare = "import datasets; datasets.load_dataset('someone/tiny', split='train')"
    ask(program=prepare)
    (answer,) = ask(["someone/tiny", {"size": 16}], offline="1").answers
    assert answer.captions == texts(0) + texts(1)


def test_what_does_not_come_is_one_sentence(ask, hub):
    sentences = {
        (
            "someone/nothing",
        ): "ValueError: There is no folder 'someone/nothing', and the hub has no such data set, or it",
        (
            "someone/gated",
        ): "ValueError: someone/gated asks for a login: accept its licence on its page of the hub, then",
        ("someone/closed",): "ValueError: someone/closed asks for a login: accept its licence on its page of the hub",
        ("someone/tiny", "revision", "v9"): "ValueError: someone/tiny has no revision 'v9'; leave it out for its main",
        ("someone/tiny", "split", "dev"): "ValueError: someone/tiny has the splits train, test; got 'dev'.",
        ("someone/tiny", "config", "x"): "ValueError: someone/tiny cannot be opened: BuilderConfig 'x' not found",
        (
            "someone/scripted",
        ): "ValueError: someone/scripted needs a loading script (scripted.py), which would run as a "
        "program on this machine; the datasets library no longer supports such, and neither does this course: give "
        "revision='refs/convert/parquet', the hub's own copy in Parquet, or take another.",
        ("someone/half", "download", True): "OSError: The download of someone/half broke off (",
        (
            "some one/tiny",
        ): "ValueError: There is no folder 'some one/tiny'; a data set of the Hugging Face hub has an id",
    }
    asked = ask(*[[name, {option[0]: option[1]} if option else {}] for name, *option in sentences])
    for answer, (call, sentence) in zip(asked.answers, sentences.items(), strict=True):
        assert answer.error.startswith(sentence), call
        assert "\n" not in answer.error


def test_without_the_hub_the_sentence_says_how_to_keep_one(ask):
    for how in ({"offline": "1"}, {"address": NOWHERE}):
        (answer,) = ask(["someone/tiny", {}], **how).answers
        assert answer.error.startswith(
            "OSError: There is no folder 'someone/tiny'; the Hugging Face hub is out of reach, and nothing of such a "
            "data set is kept on this machine ("
        )
        assert answer.error.endswith("stream(..., download=True) keeps one.")


def test_a_use_takes_the_first_that_can_be_had(ask):
    use = "hub.SOURCES['mine'] = tuple(map(hub.Source, ['someone/nothing', 'someone/closed', 'someone/tiny']))"
    program = ASK.replace("opening.SECONDS", f"{use}\nopening.SECONDS")
    asked = ask(["mine", {"split": "test"}], program=program)
    assert asked.answers[0].captions == texts(2)
    assert [line.rsplit(". ", 1)[-1] for line in asked.said[:2]] == [
        "Trying someone/closed in its place.",
        "Trying someone/tiny in its place.",
    ]
    assert asked.said[2].startswith("Streaming someone/tiny, split 'test': ")
