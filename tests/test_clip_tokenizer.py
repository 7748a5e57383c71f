"""The tokenizer against transformers' CLIPTokenizer, the vocabulary against every caption, and broken folders."""

import gzip
import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from published import library

from t2ilab.clip.tokenizer import END, START, CLIPTokenizer, byte_letters, learn_merges
from t2ilab.data.captions import caption_words, describe, vocabulary
from t2ilab.data.scenes import Scene, all_scenes
from t2ilab.data.words import LANGUAGES

TEXTS = {
    "English": "a big red star at the top left on a dark background",
    "Japanese": "暗い背景の左上に大きな赤い星",
    "mixed": "大きなred star と blue の円",
    "capitals": "A Big RED Star, ÀÉÎ İstanbul ẞ Σίσυφος",
    "emoji": "a 🐱 and 👩‍👩‍👧 ❤️‍🔥 ★",
    "digits": "3 stars, 12345 rings, ３つの星 ① ½",
    "apostrophes": "it's the cat's; don't, we'll, I'd, they've, ''s 'sun 's",
    "punctuation": "!!! (a)--[b]… ...</w> ##, \\ `~ 「丸」、。・〜",
    "other scripts": "кот قطة แมว 고양이 หัวใจ नमस्ते",
    "decomposed": "e\u0301toile カ\u3099ラス",
    "white space": " a \t b \n\n c\u3000d\u00a0e ",
    "control": "a\x00b\x07c\ufeffd\u200be\x85f",
    "rare": "𠮷 \U0010ffff \ufffd ﷽",
    "empty": "",
    "only spaces": "   ",
    "very long": "a big red star and 大きな赤い星 " * 200,
}


@pytest.fixture(scope="module")
def ours():
    return CLIPTokenizer.train(vocabulary(), 24)


@pytest.fixture(scope="module")
def worldly():
    """A vocabulary with words that CLIP's pattern cuts in its own way."""
    return CLIPTokenizer.train(["cat", "cats", "'s", "'t", "don", "...", "12", "カラス", "🐱", "étoile", "は"], 16)


@pytest.fixture(scope="module")
def transformers_tokenizer():
    transformers = library("transformers")
    # Version 4 has two; its fast one is the one that version 5 kept.
    return getattr(transformers, "CLIPTokenizerFast", transformers.CLIPTokenizer)


@pytest.fixture(scope="module", params=["ours", "worldly"])
def folders(request, tmp_path_factory, transformers_tokenizer):
    """A tokenizer and two folders that hold it: vocab.json with merges.txt, and tokenizer.json by transformers."""
    tokenizer = request.getfixturevalue(request.param)
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    tokenizer.save_pretrained(old)
    transformers_tokenizer.from_pretrained(old).save_pretrained(new)
    for name in ("vocab.json", "merges.txt"):  # version 4 writes these as well
        (new / name).unlink(missing_ok=True)
    assert (new / "tokenizer.json").exists()
    return tokenizer, old, new


# ---- against transformers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["old", "new"])
def test_equals_transformers(form, folders, transformers_tokenizer):
    tokenizer, old, new = folders
    folder = {"old": old, "new": new}[form]
    theirs, read = transformers_tokenizer.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)
    assert (read.vocab, read.merges, read.context_length) == (
        tokenizer.vocab,
        tokenizer.merges,
        tokenizer.context_length,
    )
    for name, text in TEXTS.items():
        options = {"padding": "max_length", "truncation": True, "max_length": tokenizer.context_length}
        expected = theirs(text, **options)["input_ids"]
        assert tokenizer(text)[0].tolist() == expected, name
        assert read(text)[0].tolist() == expected, name
        assert tokenizer.encode(text) == theirs(text, add_special_tokens=False, verbose=False)["input_ids"], name


@pytest.mark.parametrize("form", ["name", "token", "token, and another name"])
def test_stable_diffusion_2_pads_with_an_exclamation_mark(form, worldly, transformers_tokenizer, tmp_path):
    told = "!" if form == "name" else {"content": "!", "lstrip": False, "normalized": False}
    worldly.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    if form == "name":
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config | {"pad_token": told}), encoding="utf-8")
    else:  # older folders say it in a file of its own, Stable Diffusion 2.1's with the end token in the other
        (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": told}), encoding="utf-8")
        if form == "token":
            del config["pad_token"]
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    ours = CLIPTokenizer.from_pretrained(tmp_path)
    assert ours.pad_id == ours.vocab["!"] == 0
    theirs = transformers_tokenizer.from_pretrained(tmp_path)
    expected = theirs("a cat", padding="max_length", truncation=True, max_length=16)["input_ids"]
    assert ours("a cat")[0].tolist() == expected
    assert expected[-1] == 0
    ours.save_pretrained(tmp_path / "again")
    assert CLIPTokenizer.from_pretrained(tmp_path / "again").pad == "!"


@pytest.fixture(scope="module")
def clips():
    """CLIP's own vocabulary, which open_clip brings in its package, and open_clip's tokenizer."""
    library("open_clip")
    from open_clip.tokenizer import SimpleTokenizer, default_bpe

    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    letters = list(byte_letters().values())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(a + b for a, b in merges), START, END]
    vocab = {token: i for i, token in enumerate(tokens)}
    return CLIPTokenizer(vocab, merges, pad=tokens[0]), SimpleTokenizer()


PROMPTS = (
    "a photo of an astronaut riding a horse on mars, highly detailed",
    "A portrait of a kangaroo wearing an orange hoodie, standing on the grass in front of the Sydney Opera House",
    "an armchair in the shape of an avocado; 4k, trending on artstation!!",
    "お地蔵さん、夕暮れ、水彩画",
    "it's a cat's world: naïve café, 12345 — ok?",
    "teddy bears mixing sparkling chemicals as mad scientists, steampunk " * 9,
    "a",
)


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt[:20])
def test_published_ids_equal_open_clips(prompt, clips):
    ours, theirs = clips
    assert len(ours.vocab) == 49408
    assert torch.equal(ours(prompt), theirs(prompt))
    assert ours(prompt).shape == (1, 77)


def test_a_person_cannot_write_the_end_token(ours):
    """Here we differ on purpose: transformers would read the prompt's own <|endoftext|> as the end."""
    ids = ours.encode(f"a {END} star {START}")
    assert not {ours.start_id, ours.end_id} & set(ids)
    assert "".join(ours.tokens(f"a {END} star")) == "a<|endoftext|>star"


# ---- our vocabulary ------------------------------------------------------------------------------------------------


def test_every_caption_becomes_exactly_its_words(ours):
    for number, scene in enumerate(all_scenes()):
        for language in LANGUAGES:
            for rng, again in ((None, None), (random.Random(number), random.Random(number))):
                words = caption_words(scene, language, rng)
                assert ours.tokens(describe(scene, language, again)) == words
                assert len(words) + 2 <= ours.context_length


def test_so_does_every_partial_caption(ours):
    rng = random.Random(0)
    scenes = list(all_scenes())
    for number in range(1000):
        scene = Scene(**{a: v for a, v in rng.choice(scenes).asked().items() if rng.random() < 0.5})
        for language in LANGUAGES:
            words = caption_words(scene, language, random.Random(number))
            assert ours.tokens(describe(scene, language, random.Random(number))) == words


def test_no_merge_crosses_a_word(ours):
    letters = byte_letters()
    words = ["".join(letters[b] for b in word.encode()) + "</w>" for word in vocabulary()]
    for a, b in ours.merges:
        assert any((a + b).removesuffix("</w>") in word for word in words)
        assert not (a + b).endswith("</w>") or any(word.endswith(a + b) for word in words)


def test_every_word_is_one_token_wherever_it_stands(ours):
    for word in vocabulary():
        assert ours.tokens(word) == [word]
        if not word.isascii() and word.isalpha():
            assert ours.tokens(f"猫{word}猫{word}").count(word) == 2


def test_all_bytes_are_in_the_vocabulary_and_nothing_becomes_the_end_token(ours):
    letters = byte_letters()
    assert sorted(letters) == list(range(256))
    assert len(set(letters.values())) == 256
    assert all(letter in ours.vocab and letter + "</w>" in ours.vocab for letter in letters.values())
    assert sorted(ours.vocab.values()) == list(range(len(ours.vocab)))
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x3000)])) + "\U0001f431\U0010ffff"
    for start in range(0, len(everything), 997):
        assert not {ours.start_id, ours.end_id} & set(ours.encode(everything[start : start + 997]))


def test_byte_letters_are_gpt2s():
    letters = byte_letters()
    assert letters[ord("a")] == "a"
    assert letters[ord(" ")] == "Ġ"
    assert letters[0] == "Ā"
    assert letters[173] == chr(256 + 67)  # the last of the 68 that have no letter of their own


def test_merges_are_the_commonest_first_and_few_letters_need_none():
    assert learn_merges(["a", "b"]) == []
    assert learn_merges(["ab", "ab"]) == [("a", "b</w>")]
    assert learn_merges(["xab", "yab", "ab"])[0] == ("a", "b</w>")
    assert learn_merges([]) == []


def test_the_order_of_the_words_does_not_matter(ours):
    shuffled = sorted(vocabulary(), key=lambda word: word[::-1])
    assert CLIPTokenizer.train(shuffled + shuffled[:9], 24).vocab == ours.vocab


# ---- one length ----------------------------------------------------------------------------------------------------


def test_rows_are_start_words_end_and_padding(ours):
    rows = ours(["a star", ""])
    assert rows.shape == (2, 24)
    assert rows.dtype == torch.int64
    a, star = ours.vocab["a</w>"], ours.vocab["star</w>"]
    assert rows[0].tolist() == [ours.start_id, a, star] + [ours.end_id] * 21
    assert rows[1].tolist() == [ours.start_id] + [ours.end_id] * 23
    assert torch.equal(ours("a star"), rows[:1])


def test_a_text_that_is_cut_still_ends(ours):
    row = ours(TEXTS["very long"])[0]
    assert row[-1] == ours.end_id
    assert (row == ours.end_id).sum() == 1
    assert row[1:-1].tolist() == ours.encode(TEXTS["very long"])[:22]


def test_no_texts_are_no_rows(ours):
    assert ours([]).shape == (0, 24)
    assert ours([]).dtype == torch.int64


def test_half_a_surrogate_pair_is_a_question_mark(ours):
    assert ours.encode("red \ud800 star") == ours.encode("red ? star")


@pytest.mark.parametrize("text", ["a red star " * 12, "a red star", ""])
def test_what_is_read_and_what_is_left_out_make_the_whole_text(text, ours):
    read = text.removesuffix(ours.unread(text))
    assert torch.equal(ours(read), ours(text))
    assert (len(ours.encode(text)) > 22) == (ours.unread(text) != "")


# ---- folders -------------------------------------------------------------------------------------------------------


def test_the_saved_folder_reads_back(ours, tmp_path):
    ours.save_pretrained(tmp_path / "new" / "folder")
    again = CLIPTokenizer.from_pretrained(str(tmp_path / "new" / "folder"))
    assert (again.vocab, again.merges, again.context_length) == (ours.vocab, ours.merges, 24)


@pytest.mark.parametrize("through_files", [False, True])
def test_folded_kana_are_one_word(through_files, tmp_path):
    words = ["ウサギ", "うみ", "ヴ", "ラーメン", "cat", "兎"]
    plain, folded = (CLIPTokenizer.train(words, 12, fold_kana=fold) for fold in (False, True))
    if through_files:
        folded.save_pretrained(tmp_path)
        folded = CLIPTokenizer.from_pretrained(tmp_path)
    for katakana, hiragana in (
        ("ウサギ", "うさぎ"),
        ("ウミ", "うみ"),
        ("ヴ", "ゔ"),
        ("ラーメンとCat、兎", "らーめんとcat、兎"),
    ):
        assert folded.encode(katakana) == folded.encode(hiragana)
        assert plain.encode(katakana) != plain.encode(hiragana)
    assert folded.tokens("ウサギ") == ["うさぎ"]
    assert folded.spans("ウミ")[0][:2] == (0, 2)
    new = folded.with_word("モフ")
    assert new.encode("もふ") == new.encode("モフ") == [max(new.vocab.values())]
    with pytest.raises(ValueError, match="is a word of this model already"):
        folded.with_word("ウサギ")


@pytest.mark.parametrize(
    ("written", "length"), [(None, 77), ({}, 77), ({"model_max_length": 10**30}, 77), ({"model_max_length": 32}, 32)]
)
def test_how_long_a_text_may_be(written, length, worldly, tmp_path):
    worldly.save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    if written is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(written), encoding="utf-8")
    assert CLIPTokenizer.from_pretrained(tmp_path).context_length == length


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.json", None),
        ("merges.txt", None),
        ("vocab.json", b'{"a": 0'),
        ("vocab.json", b"\xff\xfe"),
        ("vocab.json", b"[1, 2]"),
        ("merges.txt", b"#version: 0.2\na b c\n"),
        ("tokenizer_config.json", b'{"model_max_length": "long"}'),
        ("tokenizer_config.json", b"[]"),
    ],
)
def test_a_broken_folder(name, content, worldly, tmp_path):
    worldly.save_pretrained(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"holds vocab\.json and merges\.txt, or tokenizer\.json; not so ") as error:
        CLIPTokenizer.from_pretrained(tmp_path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"model": null}', '{"model": {"vocab": {}}}', '{"model": {"merges": []}}']
)
def test_a_broken_tokenizer_json(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="A CLIP tokenizer's folder holds"):
        CLIPTokenizer.from_pretrained(tmp_path)


def test_no_folder_at_all(tmp_path):
    with pytest.raises(ValueError, match="A CLIP tokenizer's folder holds"):
        CLIPTokenizer.from_pretrained(tmp_path / "nowhere")


def test_vocabulary_and_merges_of_two_folders(ours, worldly, tmp_path):
    ours.save_pretrained(tmp_path / "one")
    worldly.save_pretrained(tmp_path / "two")
    shutil.copy(tmp_path / "one" / "merges.txt", tmp_path / "two" / "merges.txt")
    with pytest.raises(ValueError, match="Do vocabulary and merges come from the same folder"):
        CLIPTokenizer.from_pretrained(tmp_path / "two")


@pytest.mark.parametrize("length", [1, 0, -3])
def test_a_length_without_room_for_start_and_end(length, ours):
    with pytest.raises(ValueError, match=rf"at least 2; got {length}\."):
        CLIPTokenizer(ours.vocab, ours.merges, length)


def test_a_vocabulary_without_an_end():
    with pytest.raises(ValueError, match=r"missing: <\|endoftext\|>\."):
        CLIPTokenizer({START: 0, "a": 1}, [])


def test_spans_say_where_each_token_stands():
    tokenizer = CLIPTokenizer.train(["red", "star", "赤い"], 16)
    text = "Red  star, 赤い龍 x1"
    spans = tokenizer.spans(text)
    assert [text[start:end] for start, end, _ in spans] == ["Red", "star", ",", "赤い", "龍", "龍", "龍", "x", "1"]
    assert [word for *_, word in spans] == [0, 1, 2, 3, 3, 3, 3, 4, 5]
    assert len(spans) == len(tokenizer.encode(text))
