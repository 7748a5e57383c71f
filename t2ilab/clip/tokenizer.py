"""CLIP's byte-pair tokenizer, for its published vocabulary and for one made from our own captions.

The work is done by the `tokenizers` library, set up exactly as CLIP's own: lower case, words split by CLIP's pattern,
bytes, merges, `</w>` on a word's last byte. What is ours is how a vocabulary is made. CLIP's pattern does not split
Japanese, so a whole caption is one "word" to it; merges learnt from captions would glue whole sentences together, and
a new combination of known words would be read as something unknown. Ours never cross a word (Sennrich et al. 2016,
algorithm 1, run on the words of either language one by one).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from t2ilab.data.words import TO_HIRAGANA
from t2ilab.files import write_whole

START, END = "<|startoftext|>", "<|endoftext|>"
_PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def byte_letters() -> dict[int, str]:
    """The printable letter that stands for each byte in GPT-2's and CLIP's vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}


_BYTES = {letter: byte for byte, letter in byte_letters().items()}


def learn_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Merges that make every word one token, both at the end of a text (`</w>`) and inside one (Japanese).

    Args:
        words: the vocabulary; repetitions do not matter.

    Returns:
        Pairs in the order in which they apply. First each character from its bytes, then each word from its characters.
    """
    letters = byte_letters()
    merges: list[tuple[str, str]] = []

    def merge(left: str, right: str) -> str:
        if (left, right) not in seen:
            seen.add((left, right))
            merges.append((left, right))
        return left + right

    seen: set[tuple[str, str]] = set()
    texts: list[list[str]] = []
    for word in sorted(set(words)):
        for last in ("</w>",) if word.isascii() else ("", "</w>"):
            characters = []
            for i, character in enumerate(word):
                symbols = [letters[b] for b in character.encode()]
                symbols[-1] += last if i == len(word) - 1 else ""
                token = symbols[0]
                for symbol in symbols[1:]:
                    token = merge(token, symbol)
                characters.append(token)
            texts.append(characters)

    # Plain byte-pair learning: join the commonest neighbours everywhere, until every word is one token.
    while any(len(text) > 1 for text in texts):
        counts: dict[tuple[str, str], int] = {}
        for text in texts:
            for pair in pairwise(text):
                counts[pair] = counts.get(pair, 0) + 1
        left, right = max(counts, key=lambda pair: (counts[pair], pair))
        merge(left, right)
        texts = [_join(text, left, right) for text in texts]
    return merges


def _whole(word: str) -> dict[str, bool]:
    """How a token that is read as a whole is told from the letters around it."""
    alone = word.isascii() and word.isalnum()
    return {"single_word": alone, "lstrip": False, "rstrip": False, "normalized": word not in (START, END)}


def _join(text: list[str], left: str, right: str) -> list[str]:
    joined: list[str] = []
    for token in text:
        if joined and joined[-1] == left and token == right:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


class CLIPTokenizer:
    """Text -> token ids of one length: start, the words, end, then padding.

    What a person writes is always words: "<|endoftext|>" in a prompt, or "!" where that is the padding, are read letter
    by letter, as OpenCLIP reads them; transformers takes them for the tokens themselves.

    Args:
        vocab: token -> id.
        merges: pairs in the order in which they apply.
        context_length: ids that the text encoder reads, start and end among them.
        pad: the token that fills the rest: the end token, or "!" in Stable Diffusion 2, where it is the first.
        words: tokens of the vocabulary that are read as a whole wherever they stand; see `with_word`.
        fold_kana: whether katakana is read as hiragana, 「ウサギ」 as 「うさぎ」, as search engines do. Of this
            transformers knows nothing.

    Raises:
        ValueError: no start, end or padding token, a merge of tokens that the vocabulary lacks, or a context_length
            below 2.
    """

    def __init__(
        self,
        vocab: dict[str, int],
        merges: Sequence[tuple[str, str]],
        context_length: int = 77,
        pad: str = END,
        words: Sequence[str] = (),
        fold_kana: bool = False,
    ):
        from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

        needed = dict.fromkeys((START, END, pad, *words))
        if missing := [token for token in needed if token not in vocab]:
            raise ValueError(f"A CLIP vocabulary needs {' and '.join(needed)}; missing: {', '.join(missing)}.")
        if context_length < 2:
            raise ValueError(
                f"context_length must hold the start and the end token, so at least 2; got {context_length}."
            )
        for a, b in merges:
            if a not in vocab or b not in vocab or a + b not in vocab:
                raise ValueError(
                    f"Each merge must join two tokens of the vocabulary into a third; got {a!r} and {b!r}. "
                    "Do vocabulary and merges come from the same folder?"
                )
        self.vocab, self.merges, self.context_length = dict(vocab), [tuple(pair) for pair in merges], context_length
        self.pad, self.start_id, self.end_id, self.pad_id = pad, vocab[START], vocab[END], vocab[pad]
        self.words, self.fold_kana = tuple(words), fold_kana
        self._tokenizer = Tokenizer(
            models.BPE(self.vocab, self.merges, end_of_word_suffix="</w>", unk_token=END)  # type: ignore[arg-type]
        )
        self._tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
        )
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_PATTERN), behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        self._tokenizer.add_tokens([AddedToken(word, **_whole(word)) for word in self.words])

    @classmethod
    def train(cls, words: Iterable[str], context_length: int = 32, fold_kana: bool = False) -> CLIPTokenizer:
        """A vocabulary in which every given word of small letters is one token and any other text is its pieces.

        Texts are read in small letters, so a word that is given with a capital does not become one token.
        """
        merges = learn_merges(word.translate(TO_HIRAGANA) for word in words) if fold_kana else learn_merges(words)
        letters = list(byte_letters().values())
        tokens = [
            *letters,
            *(letter + "</w>" for letter in letters),
            *dict.fromkeys(a + b for a, b in merges),
            START,
            END,
        ]
        return cls({token: i for i, token in enumerate(tokens)}, merges, context_length, fold_kana=fold_kana)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> CLIPTokenizer:
        """Reads `vocab.json` with `merges.txt`, or `tokenizer.json` alone, as CLIP's published folders hold them.

        Raises:
            ValueError: neither form is there, or a file is not readable.
        """
        folder = Path(folder)
        try:
            length, pad = 77, END
            if (folder / "vocab.json").exists():
                vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
                lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
                pairs = [line.split() for line in lines if line and not line.startswith("#version")]
            else:
                model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
                vocab = model["vocab"]
                pairs = [pair.split() if isinstance(pair, str) else pair for pair in model["merges"]]
            settings = [
                json.loads((folder / name).read_text(encoding="utf-8")) if (folder / name).exists() else {}
                for name in ("tokenizer_config.json", "special_tokens_map.json")
            ]
            length = int(settings[0].get("model_max_length") or length)
            # As transformers has it: newer folders say all in the first; in older ones the second goes first.
            if "added_tokens_decoder" not in settings[0]:
                settings.reverse()
            pad = settings[0].get("pad_token") or settings[1].get("pad_token") or pad
            pad = pad["content"] if isinstance(pad, dict) else pad
            added = {token["content"]: int(i) for i, token in settings[0].get("added_tokens_decoder", {}).items()}
            words = [word for word in added if word not in (START, END, pad)]
            fold_kana = settings[0].get("fold_kana", settings[1].get("fold_kana", False)) is True
            vocab, merges = dict(vocab) | {word: added[word] for word in words}, [(a, b) for a, b in pairs]
        except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"A CLIP tokenizer's folder holds vocab.json and merges.txt, or tokenizer.json; "
                f"not so {folder}: {error}."
            ) from error
        # transformers writes 10^30 where nobody said how long a text may be.
        return cls(vocab, merges, length if length < 10**6 else 77, pad, words, fold_kana)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes vocab.json, merges.txt and tokenizer_config.json, which transformers' CLIPTokenizer opens."""
        folder = Path(folder)
        write_whole(folder / "vocab.json", (json.dumps(self.vocab, ensure_ascii=False) + "\n").encode())
        lines = ["#version: 0.2", *(f"{a} {b}" for a, b in self.merges)]
        write_whole(folder / "merges.txt", ("\n".join(lines) + "\n").encode())
        config: dict[str, Any] = {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": self.context_length,
            "bos_token": START,
            "eos_token": END,
            "unk_token": END,
            "pad_token": self.pad,
        }
        if self.fold_kana:
            config["fold_kana"] = True
        if self.words:
            config["added_tokens_decoder"] = {
                str(self.vocab[token]): {"content": token, "special": token not in self.words, **_whole(token)}
                for token in dict.fromkeys((START, END, self.pad, *self.words))
            }
        write_whole(folder / "tokenizer_config.json", (json.dumps(config, indent=2) + "\n").encode())

    def with_word(self, word: str) -> CLIPTokenizer:
        """The same tokenizer with one word more, whose id is the first that is free: for textual inversion.

        Args:
            word: as "mofu"; capital letters do not matter. A word of Latin letters is read where it stands by itself,
                any other, as 「モフ」, within others too.

        Raises:
            ValueError: no word, one with spaces in it, or one that is a token already.
        """
        if not word.strip() or len(word.split()) != 1:
            raise ValueError(f"A new word has at least one letter and no spaces; got {word!r}.")
        word = self._folded(word.lower())
        if word in self.vocab or len(self.encode(word)) == 1:
            raise ValueError(f"{word!r} is a word of this model already, and a new one is wanted; choose another.")
        vocab = self.vocab | {word: max(self.vocab.values()) + 1}
        merges = [(a, b) for a, b in self.merges]
        return CLIPTokenizer(vocab, merges, self.context_length, self.pad, (*self.words, word), self.fold_kana)

    def encode(self, text: str) -> list[int]:
        """The ids of one text, with neither start nor end."""
        return self._encode(text).ids

    def tokens(self, text: str) -> list[str]:
        """The same, readable: the pieces of the text as a person would write them."""
        pieces = self._encode(text).tokens
        return [
            p if p in self.words else bytes(_BYTES[c] for c in p.removesuffix("</w>")).decode(errors="replace")
            for p in pieces
        ]

    def spans(self, text: str) -> list[tuple[int, int, int]]:
        """Where each token stands in the text: (start, end, word), in characters, words being CLIP's, from 0.

        The bytes of one character all stand where it stands.
        """
        encoded = self._encode(text)
        return [(*span, word) for span, word in zip(encoded.offsets, encoded.word_ids, strict=True)]

    def _encode(self, text: str) -> Any:
        # Half of a surrogate pair, as a terminal may hand over, has no bytes: it is read as a question mark.
        whole = text.encode(errors="replace").decode()
        return self._tokenizer.encode(self._folded(whole), add_special_tokens=False)

    def _folded(self, text: str) -> str:
        return text.translate(TO_HIRAGANA) if self.fold_kana else text

    def unread(self, text: str) -> str:
        """The end of a text for which the context has no place, "" where all of it is read."""
        spans = self.spans(text)[self.context_length - 2 :]
        return text[spans[0][0] :] if spans else ""

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        """int64 (B, context_length). A text that is too long is cut; its last id is the end token all the same."""
        rows = []
        for text in [texts] if isinstance(texts, str) else texts:
            ids = [self.start_id, *self.encode(text)[: self.context_length - 2], self.end_id]
            rows.append(ids + [self.pad_id] * (self.context_length - len(ids)))
        return torch.tensor(rows, dtype=torch.int64).reshape(-1, self.context_length)

    def mask(self, ids: Tensor) -> Tensor:
        """bool (B, L) of token ids (B, L): True up to the first end token, False for the padding after it."""
        ends = ids == self.end_id
        return (ends.cumsum(1) - ends.long()).eq(0)
