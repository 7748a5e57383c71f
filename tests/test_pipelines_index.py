"""The index: what is found, where it is from, its picture again; folders that do not fit; faiss, where there is one."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from toy_pairs import Oracle, Toy

from t2ilab.clip.model import CLIP, CLIPConfig
from t2ilab.clip.retrieval import search
from t2ilab.clip.tokenizer import CLIPTokenizer
from t2ilab.data.captions import vocabulary
from t2ilab.data.noisy import NoisyPairs
from t2ilab.nets.text import TextConfig
from t2ilab.nets.vision import VisionConfig
from t2ilab.pipelines import index as module
from t2ilab.pipelines.embedding import embed_pairs, load_embedded
from t2ilab.pipelines.image_text import ImageText
from t2ilab.pipelines.index import Found, PairIndex, open_index, read_picture, write_index
from t2ilab.pipelines.pair_sources import Storybook
from t2ilab.pipelines.pairs import build

COUNT = 24


@pytest.fixture(scope="module")
def clip():
    """A CLIP of random weights."""
    from t2ilab.device import DeviceManager

    device = DeviceManager("cpu")
    tokenizer = CLIPTokenizer.train(vocabulary("storybook"), 32)
    text = TextConfig(len(tokenizer.vocab), 32, width=16, layers=1, heads=2)
    model = CLIP(CLIPConfig(text, VisionConfig(16, 8, width=16, layers=1, heads=2), embed_dim=12))
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    return ImageText(model, tokenizer, device=device)


@pytest.fixture(scope="module")
def made(clip, tmp_path_factory):
    """A folder with an index, its pairs, and the CLIP beside it."""
    root = tmp_path_factory.mktemp("pairs")
    clip.save_pretrained(root / "clip")
    folder = root / "pairs"
    opened = ImageText.from_pretrained(root / "clip")
    return folder, *build(Storybook(NoisyPairs(16)), opened, folder, COUNT, name=str(root / "clip"), shard_size=10,
                          keep=0.7)  # fmt: skip


def test_search_by_words_is_a_slow_sort(made):
    folder, embedded, cleaned = made
    index = open_index(folder)
    kept = cleaned.kept.nonzero()[:, 0].tolist()
    assert index.numbers == kept
    queries = ["a red cat", "a boat at sea"]
    for query, found in zip(index.clip.encode_text(queries), index.search(queries, k=7), strict=True):
        cosines = {i: F.cosine_similarity(query, embedded.images[i], dim=0).item() for i in kept}
        best = sorted(kept, key=lambda i: -cosines[i])[:7]
        assert [one.score for one in found] == pytest.approx([cosines[i] for i in best], abs=1e-3)  # half precision
        assert {one.number for one in found[:5]} <= set(best)
        for one in found:
            pair = embedded.pairs[one.number]
            assert (one.caption, one.where, one.at) == (pair["caption"], pair["where"], pair["at"])
    assert str(Found(0.51234, "a cat", "pair 3 of the storybook", 3, {})) == "0.512  a cat  (pair 3 of the storybook)"


def test_a_search_normalises_the_queries_and_not_the_index_again(made, monkeypatch):
    index = open_index(made[0])
    queries = index.clip.encode_text(["a red cat", "a boat at sea"])
    expected = search(queries, index.features, 7)
    lengths, normalize = [], F.normalize
    monkeypatch.setattr(F, "normalize", lambda x, **options: lengths.append(len(x)) or normalize(x, **options))
    found = index.search(["a red cat", "a boat at sea"], k=7)
    assert set(lengths) == {2} != {len(index.features)}
    assert [[one.number for one in best] for best in found] == [[index.numbers[i] for i in row] for row in expected[1]]
    assert [[one.score for one in best] for best in found] == pytest.approx(expected[0].numpy(), abs=1e-6)


def test_a_picture_finds_itself_and_comes_back_as_it_was(made):
    folder, _, cleaned = made
    index = open_index(folder)
    numbers = cleaned.kept.nonzero()[:, 0].tolist()[-3:]
    originals = torch.stack([NoisyPairs(16)[number]["image"] for number in numbers])
    results = index.search(originals, k=1)
    assert [found[0].number for found in results] == numbers
    assert all(found[0].score > 0.999 for found in results)
    pictures = index.pictures([found[0] for found in results])
    assert torch.equal(torch.stack(pictures), originals)


def test_what_cannot_be_asked(made):
    index = open_index(made[0])
    rows = len(index.features)
    for k in (0, rows + 1):
        with pytest.raises(ValueError, match=f"k is between 1 and the {rows} rows of the index; got {k}"):
            index.search(["a cat"], k)
    assert len(index.search(["a cat"], rows)[0]) == rows
    for queries in ([], [" "], "a cat"):
        with pytest.raises(ValueError, match="takes a list of texts, none of them empty"):
            index.search(queries)
    with pytest.raises(ValueError, match=r"Pictures are \(B, 3, H, W\)"):
        index.search(torch.zeros(3, 16, 16))


def toy_index(folder, count=30, kept=None):
    embed_pairs(Toy(), Oracle(), folder, count, name="oracle", shard_size=10)
    embedded = load_embedded(folder)
    write_index(folder, embedded, torch.ones(count, dtype=torch.bool) if kept is None else kept, {"threshold": -1})
    return embedded


def test_a_folder_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no embedded pairs"):
        PairIndex(tmp_path, Oracle())
    embed_pairs(Toy(), Oracle(), tmp_path, 20, name="oracle", shard_size=10)
    with pytest.raises(ValueError, match="has no index yet; `t2ilab data build"):
        PairIndex(tmp_path, Oracle())
    toy_index(tmp_path, 20)
    assert len(PairIndex(tmp_path, Oracle()).features) == 20
    with pytest.raises(ValueError, match="embedded by another CLIP than this one: oracle with the SHA-256"):
        PairIndex(tmp_path, Oracle(weight=3.0))
    embed_pairs(Toy(), Oracle(), tmp_path, 30, name="oracle", shard_size=10)
    with pytest.raises(ValueError, match="is of other pairs than it now holds; build it again"):
        PairIndex(tmp_path, Oracle())
    with pytest.raises(ValueError, match="oracle"):
        open_index(tmp_path)


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_a_damaged_index_is_named(tmp_path, how):
    toy_index(tmp_path)
    path = tmp_path / "index.safetensors"
    data = path.read_bytes()
    path.unlink() if how == "missing" else path.write_bytes(data[:50] if how == "cut" else data[:-2] + b"\x00\x3c")
    with pytest.raises(OSError, match=r"index.safetensors is missing, cut short or changed: .*Build the index again"):
        PairIndex(tmp_path, Oracle())


def test_no_index_is_made_of_nothing_or_of_a_part(tmp_path):
    embedded = toy_index(tmp_path)
    with pytest.raises(ValueError, match="Not one of 30 pairs is kept"):
        write_index(tmp_path, embedded, torch.zeros(30, dtype=torch.bool), {})
    (tmp_path / "00001.jsonl").unlink()
    rest = load_embedded(tmp_path, on_broken="skip")
    with pytest.raises(ValueError, match=r"of all shards; got pairs without these: .*00001\.jsonl is missing"):
        write_index(tmp_path, rest, torch.ones(20, dtype=torch.bool), {})


def test_a_picture_file_is_a_query(tmp_path):
    Image.new("RGBA", (5, 4), (255, 0, 0, 255)).save(tmp_path / "red.png")
    assert read_picture(tmp_path / "red.png")[0, :, 0, 0].tolist() == [1, -1, -1]
    with pytest.raises(OSError, match=r"There is no picture .*blue.png"):
        read_picture(tmp_path / "blue.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(OSError, match=r"text\.png cannot be read as a picture"):
        read_picture(tmp_path / "text.png")


# ---- faiss ----------------------------------------------------------------------------------------------------------


class FlatIP:
    """Of faiss' interface what is used; it searches exactly."""

    def __init__(self, width):
        self.rows = np.zeros((0, width), np.float32)
        self.asked = []


class IVFFlat(FlatIP):
    def __init__(self, quantizer, width, cells, metric):
        super().__init__(width)
        self.cells, self.trained, self.nprobe = cells, 0, 1

    @property
    def ntotal(self):
        return len(self.rows)

    def train(self, rows):
        self.trained = len(rows)

    def add(self, rows):
        assert self.trained >= self.cells
        self.rows = np.concatenate([self.rows, rows])

    def search(self, queries, k):
        self.asked.append(k)
        scores = queries @ self.rows.T
        best = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(scores, best, 1), best


@pytest.fixture
def faiss(monkeypatch):
    """A stand-in for faiss, and from 20 pictures on a set is large."""
    saved = {}

    def write(cells, path):
        saved["index"] = cells
        with open(path, "wb") as file:
            file.write(b"cells")

    library = SimpleNamespace(IndexFlatIP=FlatIP, IndexIVFFlat=IVFFlat, METRIC_INNER_PRODUCT=0, write_index=write,
                              read_index=lambda path: saved["index"], saved=saved)  # fmt: skip
    monkeypatch.setitem(sys.modules, "faiss", library)
    monkeypatch.setattr(module, "LARGE", 20)
    return library


def numbers_of(index, query, k=5):
    return [one.number for one in index.search([query], k)[0]]


def test_faiss_searches_what_is_large(tmp_path, faiss):
    toy_index(tmp_path)
    assert (tmp_path / "index.faiss").exists()
    index = PairIndex(tmp_path, Oracle())
    found = numbers_of(index, "scene 7")
    assert faiss.saved["index"].asked == [5]
    index._cells = None
    exact = numbers_of(index, "scene 7")
    assert found[0] == exact[0]
    with pytest.raises(ValueError, match="k is between 1 and the 30 rows"):
        PairIndex(tmp_path, Oracle()).search(["scene 7"], 31)


def test_what_is_small_is_exact(tmp_path, faiss):
    toy_index(tmp_path, 15)
    assert not (tmp_path / "index.faiss").exists()
    assert PairIndex(tmp_path, Oracle())._cells is None


def test_without_faiss_all_is_exact(tmp_path, faiss, monkeypatch):
    toy_index(tmp_path)
    monkeypatch.setitem(sys.modules, "faiss", None)  # so that importing it fails
    index = PairIndex(tmp_path, Oracle())
    assert index._cells is None
    assert numbers_of(index, "scene 7")[0] == 7
    assert faiss.saved["index"].asked == []
    toy_index(tmp_path)
    assert not (tmp_path / "index.faiss").exists()  # one of the earlier index would be of other rows


def test_cells_of_other_rows_are_not_used(tmp_path, faiss):
    toy_index(tmp_path)
    faiss.saved["index"].rows = faiss.saved["index"].rows[:-1]
    assert PairIndex(tmp_path, Oracle())._cells is None


def test_damaged_cells_are_named(tmp_path, faiss, monkeypatch):
    def read(path):
        raise RuntimeError("Error in faiss::read_index: ret == (size) failed")

    toy_index(tmp_path)
    monkeypatch.setattr(faiss, "read_index", read)
    with pytest.raises(OSError, match=r"index\.faiss is cut short or changed"):
        PairIndex(tmp_path, Oracle())


def test_the_real_faiss_finds_nearly_all_that_is_nearest(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(module, "LARGE", 1000)
    generator = torch.Generator().manual_seed(0)
    middles = F.normalize(torch.randn(50, 16, generator=generator), dim=1)
    rows = F.normalize(middles.repeat(60, 1) + 0.1 * torch.randn(3000, 16, generator=generator), dim=1)
    cells = module._cells(rows)
    scores, found = cells.search(rows[:100].numpy(), 10)
    exact = (rows[:100] @ rows.T).topk(10)
    shared = [len({*a} & {*b}) / 10 for a, b in zip(found.tolist(), exact.indices.tolist(), strict=True)]
    assert sum(shared) / 100 > 0.95
    assert np.allclose(scores[:, 0], 1, atol=1e-5)
