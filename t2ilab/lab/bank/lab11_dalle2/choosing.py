"""Two draws of the prior, and the better one kept: the cheapest improvement in the paper."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab11_dalle2.loss import LAB
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def best_of(candidates, text_embedding):
    """For each text, the candidate with the largest dot product with it (Ramesh et al. 2022, section 2.2).

    candidates: (K, B, D), K image embeddings for each of B texts; text_embedding: (B, D). Nothing is
    normalised. Returns (B, D), for each text the best of its own K, as it is.
    """
    scores = (candidates * text_embedding).sum(dim=-1)  # (K, B)
    best = scores.argmax(dim=0)  # (B,): each text chooses for itself
    return candidates[best, torch.arange(candidates.shape[1], device=best.device)]


def _inputs(generator):
    def drawn(k, b, d):
        """Candidates of different lengths, such that no other rule chooses the same ones, and none nearly ties."""
        while True:
            candidates = torch.randn(k, b, d, generator=generator)
            candidates = candidates * torch.randn(k, b, 1, generator=generator).mul(0.6).exp()
            text = torch.randn(b, d, generator=generator)
            dot = (candidates * text).sum(-1)
            clear = dot.sort(0).values.diff(dim=0).min() > 0.05
            others = (
                F.cosine_similarity(candidates, text[None], dim=-1),
                -(candidates - text).norm(dim=-1),
                dot.abs(),
                candidates.norm(dim=-1),
                dot.mean(1, keepdim=True).expand_as(dot),
                -torch.arange(k)[:, None].expand_as(dot),
                torch.arange(k)[:, None].expand_as(dot),
            )
            if clear and all((other.argmax(0) != dot.argmax(0)).any() for other in others):
                return candidates, text

    candidates, text = drawn(4, 4, 5)
    other, other_text = drawn(3, 5, 3)
    signs = (candidates * text).sum(-1, keepdim=True).sign()
    return {
        "candidates": candidates, "text_embedding": text, "other": other, "other_text": other_text,
        "against": -signs * candidates, "order": torch.randperm(3, generator=generator) + 1,
    }  # fmt: skip


@cases
def _probe(best_of, inputs):
    candidates, text = inputs["candidates"], inputs["text_embedding"]
    yield "batch", lambda: best_of(candidates, text)
    # The first one comes last, so that the order is another one for sure.
    order = torch.cat([inputs["order"], torch.zeros(1, dtype=torch.int64)])
    yield "candidates_permuted", lambda: best_of(candidates[order], text)
    yield "one_candidate", lambda: best_of(candidates[:1], text)
    yield "all_unfit", lambda: best_of(inputs["against"], text)
    yield "float64", lambda: best_of(candidates.double(), text.double())
    yield "single", lambda: best_of(candidates[:, :1], text[:1])
    yield "sizes", lambda: best_of(inputs["other"], inputs["other_text"])


def _scores(candidates, text):
    return (candidates * text).sum(-1)


def _chosen(candidates, best):
    return candidates[best, torch.arange(candidates.shape[1])]


def _by(compare):
    """A wrong answer that keeps, for each text, the candidate with the largest compare(candidates, text) (K, B)."""
    return lambda candidates, text_embedding: _chosen(candidates, compare(candidates, text_embedding).argmax(0))


def _starts_at_zero(candidates, text):
    kept, best = torch.zeros_like(text), torch.zeros_like(text[:, 0])
    for one in candidates:
        score = (one * text).sum(-1)
        kept = torch.where((score > best)[:, None], one, kept)
        best = torch.maximum(score, best)
    return kept


def _over_batch(candidates, text):
    best = _scores(candidates, text).argmax(1)  # (K,)
    return candidates[torch.arange(len(candidates)), best]


def _one_for_all(candidates, text):
    return candidates[_scores(candidates, text).sum(1).argmax()]


def _blended(candidates, text):
    return (_scores(candidates, text).softmax(0)[..., None] * candidates).sum(0)


def _own(arrays, inputs):
    """Each row is one of that text's own candidates; not the same one everywhere, which would be no choice."""
    same = (arrays["batch"][None] == inputs["candidates"].numpy()).all(-1)  # (K, B)
    return same.any(0).all() and not same.all(1).any()


def _order(arrays, inputs):
    """The order of the candidates does not matter, where there is an answer at all."""
    batch, permuted = arrays["batch"], arrays["candidates_permuted"]
    fitting = inputs["text_embedding"].numpy()
    return batch.shape == fitting.shape and abs(batch).max() > 1e-3 and abs(batch - permuted).max() < 1e-6


BEST_OF = Exercise(
    name="best_of",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=best_of,
    hints=(
        Text(
            "K numbers for each text say how well its candidates fit. What shape have all these numbers together?",
            "どの候補がどれだけ合うかは、テキストごとに K 個の数で表せます。"
            "全部まとめると、どんな形状になるでしょうか。",
        ),
        Text(
            "(candidates * text_embedding).sum(-1) is (K, B), and argmax over the axis of K gives B numbers, one "
            "choice "
            "for each text.",
            "(candidates * text_embedding).sum(-1) は (K, B) です。K の軸で argmax をとると、テキストごとの選択が B "
            "個得られます。",
        ),
        Text(
            "candidates[best, torch.arange(B)] takes, for each text b, candidate best[b].",
            "candidates[best, torch.arange(B)] で、テキスト b ごとに best[b] 番目の候補を取り出せます。",
        ),
    ),
    properties={
        "own": Property(
            _own,
            0.2,
            Text(
                "Each row must be one of that text's own candidates, and not all from the same draw.",
                "どの行も、そのテキスト自身の候補のひとつになるはずです。全員が同じ回の候補になることもありません。",
            ),
        ),
        "order": Property(
            _order,
            0.2,
            Text(
                "The order in which the candidates come must not matter.",
                "候補の順番を変えても、結果は変わらないはずです。",
            ),
        ),
    },
    misconceptions={
        "worst": Misconception(
            _by(lambda candidates, text: -_scores(candidates, text)),
            Text("the worst candidate is kept.", "いちばん合わない候補を選んでいます。"),
        ),
        "one_for_all": Misconception(
            _one_for_all,
            Text(
                "one draw is chosen for the whole batch; each text chooses for itself.",
                "バッチ全体でひとつの回を選んでいます。テキストごとに選んでください。",
            ),
        ),
        "over_batch": Misconception(
            _over_batch,
            Text(
                "the best is taken over the batch: for each draw a text, where for each text a draw is wanted.",
                "最大値をバッチの軸でとっています。回ごとにテキストを選ぶのではなく、"
                "テキストごとに候補を選んでください。",
            ),
        ),
        "cosine": Misconception(
            _by(lambda candidates, text: F.cosine_similarity(candidates, text[None], dim=-1)),
            Text(
                "the candidates are normalised before they are compared; take the raw dot product.",
                "比べる前に正規化しています。内積をそのまま使ってください。",
            ),
        ),
        "distance": Misconception(
            _by(lambda candidates, text: -(candidates - text).norm(dim=-1)),
            Text(
                "the nearest candidate is kept; what counts is the dot product.",
                "距離が最も近い候補を選んでいます。比べるのは内積です。",
            ),
        ),
        "absolute": Misconception(
            _by(lambda candidates, text: _scores(candidates, text).abs()),
            Text(
                "signs are dropped: a candidate that points the opposite way counts as a good one.",
                "符号を無視しています。反対を向いた候補まで、よく合うことになってしまいます。",
            ),
        ),
        "longest": Misconception(
            _by(lambda candidates, text: candidates.norm(dim=-1)),
            Text(
                "the longest candidate is kept, whatever the text says.",
                "テキストに関係なく、いちばん長い候補を選んでいます。",
            ),
        ),
        "first": Misconception(
            lambda candidates, text_embedding: candidates[0].clone(),
            Text("the first draw is always kept.", "いつも 1 回目の候補を選んでいます。"),
        ),
        "last": Misconception(
            lambda candidates, text_embedding: candidates[-1].clone(),
            Text("the last draw is always kept.", "いつも最後の候補を選んでいます。"),
        ),
        "mean": Misconception(
            lambda candidates, text_embedding: candidates.mean(0),
            Text(
                "all candidates are averaged; choose one of them.",
                "すべての候補を平均しています。そのうちのひとつを選んでください。",
            ),
        ),
        "blended": Misconception(
            _blended,
            Text(
                "the candidates are blended by a softmax; keep the best one alone.",
                "softmax の重みで候補を混ぜています。最もよいものをひとつだけ選んでください。",
            ),
        ),
        "starts_at_zero": Misconception(
            _starts_at_zero,
            Text(
                "your search begins at a score of 0, so that nothing is kept where every dot product is negative.",
                "0 点から探し始めています。内積がすべて負のとき、何も選ばれません。",
            ),
        ),
        "scores": Misconception(
            lambda candidates, text_embedding: _scores(candidates, text_embedding).max(0).values,
            Text(
                "these are the scores of the best; return the candidates themselves.",
                "これは最もよい候補の得点です。候補そのものを返してください。",
            ),
        ),
        "indices": Misconception(
            lambda candidates, text_embedding: _scores(candidates, text_embedding).argmax(0),
            Text(
                "these are the numbers of the best; return the candidates themselves.",
                "これは最もよい候補の番号です。候補そのものを返してください。",
            ),
        ),
        "shortened": Misconception(
            lambda candidates, text_embedding: F.normalize(best_of(candidates, text_embedding), dim=-1),
            Text(
                "the right ones are chosen, but brought to length 1; return them as they are.",
                "選択は正しいのですが、長さを 1 にしています。そのまま返してください。",
            ),
        ),
    },
    off_limits=("t2ilab.pipelines.prior.best_of",),
)
