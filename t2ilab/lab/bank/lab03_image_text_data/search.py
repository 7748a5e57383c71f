"""Finding the most similar of many: a search engine over features, the whole of it."""

import torch
import torch.nn.functional as F

from t2ilab.lab.bank.lab03_image_text_data.draws import LAB, cosines, features
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import Unfit, cases


def search(queries, index, k):
    """The k rows of the index that are most similar to each query.

    queries: (Q, D) and index: (N, D), of any lengths; k: at most N.
    Returns (scores, indices), both (Q, k), best first: cosines, and the numbers of the rows that have them.
    """
    # Normalised on both sides, or long rows of the index would be found by every query.
    similarity = F.normalize(queries, dim=-1) @ F.normalize(index, dim=-1).T  # (Q, N)
    scores, indices = similarity.topk(k, dim=-1)  # along the index, and sorted: the largest comes first
    return scores, indices


def _inputs(generator):
    def drawn(q, n, d, k):
        """Queries and an index without ties, and where a dot product would find others."""
        while True:
            queries, index = features(generator, q, d), features(generator, n, d)
            similarity = cosines(queries, index)
            gaps = similarity.sort(dim=-1).values.diff(dim=-1)
            others = (queries @ index.T).topk(k).indices != similarity.topk(k).indices
            twins = cosines(index, index).fill_diagonal_(0).max()
            if gaps.min() > 0.01 and others.any(-1).all() and twins < 0.95:
                return queries, index

    (queries, index), (other_queries, other_index) = drawn(4, 7, 6, 3), drawn(2, 5, 4, 2)
    return {
        "queries": queries, "index": index, "k": 3, "other_queries": other_queries, "other_index": other_index,
        "wanted": torch.randperm(7, generator=generator)[:3],
    }  # fmt: skip


@cases
def _probe(search, inputs):
    queries, index, k = inputs["queries"], inputs["index"], inputs["k"]

    def scores(*given):
        return _pair(search(*given))[0]

    def indices(*given):
        return _pair(search(*given))[1]

    yield "scores", lambda: scores(queries, index, k)
    yield "indices", lambda: indices(queries, index, k)
    yield "single", lambda: scores(queries[:1], index, k)
    yield "single_indices", lambda: indices(queries[:1], index, k)
    yield "k_one", lambda: scores(queries, index, 1)
    yield "k_one_indices", lambda: indices(queries, index, 1)
    yield "sizes", lambda: scores(inputs["other_queries"], inputs["other_index"], 2)
    yield "sizes_indices", lambda: indices(inputs["other_queries"], inputs["other_index"], 2)
    yield "from_index", lambda: scores(2 * index[inputs["wanted"]], index, 2)
    yield "from_index_indices", lambda: indices(2 * index[inputs["wanted"]], index, 2)
    yield "scaled", lambda: scores(4 * queries, 0.2 * index, k)
    yield "float64", lambda: scores(queries.double(), index.double(), k)
    yield "k_all", lambda: scores(queries, index, len(index))
    yield "k_all_indices", lambda: indices(queries, index, len(index))


def _pair(answer):
    """An answer's two parts. Raises Unfit for anything else than a tuple or list of two."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Unfit("returned_nothing") if answer is None else Unfit("not_a_pair", received=type(answer).__name__)
    return answer


def _unit(x):
    return F.normalize(x, dim=-1)


def _ranked(compare, largest=True):
    """A wrong answer from compare(queries, index) -> (Q, N), the numbers that it ranks by and returns."""
    return lambda queries, index, k: tuple(compare(queries, index).topk(k, dim=-1, largest=largest))


def _ascending(queries, index, k):
    scores, indices = cosines(queries, index).sort(dim=-1)
    return scores[:, -k:], indices[:, -k:]


def _in_index_order(queries, index, k):
    similarity = cosines(queries, index)
    indices = similarity.topk(k).indices.sort(dim=-1).values
    return similarity.gather(-1, indices), indices


def _kth_only(queries, index, k):
    scores, indices = search(queries, index, k)
    return scores[:, -1:], indices[:, -1:]


def _one_list(queries, index, k):
    scores, places = cosines(queries, index).flatten().topk(k)
    return scores, places % len(index)


def _scores_not_cut(queries, index, k):
    return cosines(queries, index), search(queries, index, k)[1]


def _first_scores(queries, index, k):
    """The right places, beside the scores of the first k rows of the index."""
    return cosines(queries, index)[:, :k], search(queries, index, k)[1]


def _best_first(arrays, inputs):
    scores = arrays["k_all"]
    return scores.shape == (4, 7) and (scores[:, :-1] > scores[:, 1:]).all()


def _finds_itself(arrays, inputs):
    scores, found = arrays["from_index"], arrays["from_index_indices"]
    return (found[:, 0] == inputs["wanted"].numpy()).all() and abs(scores[:, 0] - 1).max() < 1e-4


def _scores_belong(arrays, inputs):
    """The scores are the cosines to the rows that the indices name, and every query names k different ones."""
    scores, indices = arrays["scores"], torch.from_numpy(arrays["indices"])
    own = cosines(inputs["queries"], inputs["index"]).gather(-1, indices).numpy()
    different = all(len(set(row)) == inputs["k"] for row in indices.tolist())
    return scores.shape == own.shape == (4, inputs["k"]) and abs(scores - own).max() < 1e-4 and different


SEARCH = Exercise(
    name="search",
    lab=LAB,
    difficulty=2,
    minutes=8,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=search,
    hints=(
        Text(
            "How similar is every query to every row of the index? That is one table, (Q, N). Which numbers do you "
            "take from each of its rows?",
            "それぞれのクエリは、索引の各行とどれだけ似ているでしょうか。それは (Q, N) の表になります。"
            "表の各行から、どの数を取り出しますか。",
        ),
        Text(
            "Normalise the rows of both, multiply the queries with the transposed index, and let `topk` choose along "
            "the index.",
            "両方の各行を正規化し、クエリに索引の転置を掛け、索引の軸に沿って `topk` で選びます。",
        ),
        Text(
            "`similarity.topk(k, dim=-1)` gives values and indices, both (Q, k), the largest first; return them in "
            "this order.",
            "`similarity.topk(k, dim=-1)` は、値と番号をどちらも (Q, k) で、大きい順に返します。"
            "この順番のまま返してください。",
        ),
    ),
    properties={
        "best_first": Property(
            _best_first,
            0.1,
            Text(
                "With k = N every row of the index is listed, and the scores of a query must fall from left to right.",
                "k = N なら索引のすべての行が並びます。クエリごとに、スコアは左から右へ小さくなるはずです。",
            ),
        ),
        "finds_itself": Property(
            _finds_itself,
            0.2,
            Text(
                "A query taken from the index must find itself first, with a score of 1.",
                "索引から取り出したクエリは、最初に自分自身をスコア 1 で見つけるはずです。",
            ),
        ),
        "scores_belong": Property(
            _scores_belong,
            0.2,
            Text(
                "Each score must be the cosine between the query and the row of the index that stands beside it.",
                "それぞれのスコアは、クエリと、並んでいる番号の索引の行とのコサイン類似度になるはずです。",
            ),
        ),
    },
    misconceptions={
        "worst": Misconception(
            _ranked(cosines, largest=False),
            Text(
                "you take the k smallest cosines: these are the rows of the index that fit worst.",
                "コサインの小さいほうから k 個を選んでいます。これではいちばん合わない行が並びます。",
            ),
        ),
        "ascending": Misconception(
            _ascending,
            Text(
                "these are the right ones, but the best comes last.",
                "選んだものは合っていますが、並びが逆で、いちばん良いものが最後になっています。",
            ),
        ),
        "in_index_order": Misconception(
            _in_index_order,
            Text(
                "these are the right ones, but in the order of the index; they are to be sorted by their score.",
                "選んだものは合っていますが、索引の順に並んでいます。スコアの順に並べてください。",
            ),
        ),
        "distance": Misconception(
            _ranked(lambda queries, index: torch.cdist(_unit(queries), _unit(index)), largest=False),
            Text(
                "the places are right, but your scores are distances; a similarity is 1 for the same direction.",
                "番号は合っていますが、スコアが距離になっています。類似度は、同じ向きのとき 1 になります。",
            ),
        ),
        "farthest": Misconception(
            _ranked(lambda queries, index: torch.cdist(_unit(queries), _unit(index))),
            Text(
                "you rank by distance, largest first, and find what is farthest away.",
                "距離の大きい順に並べているので、いちばん遠いものが見つかっています。",
            ),
        ),
        "raw_distance": Misconception(
            _ranked(torch.cdist, largest=False),
            Text(
                "you rank by the distance between vectors that are not normalised, so that lengths decide.",
                "正規化していないベクトルの距離で並べているため、長さによって順位が変わってしまいます。",
            ),
        ),
        "not_normalised": Misconception(
            _ranked(lambda queries, index: queries @ index.T),
            Text(
                "you rank by dot products, so that long rows of the index win whatever you ask for.",
                "内積で並べているので、何を探しても、索引の長い行が上位に来てしまいます。",
            ),
        ),
        "index_not_normalised": Misconception(
            _ranked(lambda queries, index: _unit(queries) @ index.T),
            Text(
                "only the queries are normalised; the lengths in the index still decide.",
                "クエリだけが正規化されていて、索引の行の長さが順位を左右しています。",
            ),
        ),
        "queries_not_normalised": Misconception(
            _ranked(lambda queries, index: queries @ _unit(index).T),
            Text(
                "the order is right, but the scores are no cosines: the lengths of the queries are still in them.",
                "順位は合っていますが、スコアがコサインになっていません。クエリの長さが残っています。",
            ),
        ),
        "batch_axis": Misconception(
            _ranked(lambda queries, index: F.normalize(queries, dim=0) @ F.normalize(index, dim=0).T),
            Text(
                "you normalise down the columns (dim 0), which mixes different vectors. Each vector is a row: dim=-1.",
                "列方向（dim 0）に正規化しているため、別々のベクトルが混ざっています。"
                "ベクトルは行なので、dim=-1 を使ってください。",
            ),
        ),
        "in_the_queries": Misconception(
            _ranked(lambda queries, index: cosines(index, queries)),
            Text(
                "you search the queries for every row of the index; it is the other way round.",
                "索引の各行について、クエリの中を探しています。探すものと探される場所が逆です。",
            ),
        ),
        "over_queries": Misconception(
            lambda queries, index, k: tuple(cosines(queries, index).topk(k, dim=0)),
            Text(
                "your `topk` chooses among the queries (dim 0); it is to choose among the rows of the index.",
                "`topk` がクエリの軸（dim 0）で選んでいます。選ぶのは索引の行の中からです。",
            ),
        ),
        "absolute": Misconception(
            _ranked(lambda queries, index: cosines(queries, index).abs()),
            Text(
                "without their signs, opposite vectors count as similar.",
                "絶対値をとっているので、正反対の向きのベクトルまで似ていることになります。",
            ),
        ),
        "probabilities": Misconception(
            _ranked(lambda queries, index: cosines(queries, index).softmax(-1)),
            Text(
                "your scores went through a softmax and add up to 1; asked for are the cosines.",
                "スコアに softmax をかけているので、和が 1 になっています。求めるのはコサインそのものです。",
            ),
        ),
        "swapped": Misconception(
            lambda queries, index, k: search(queries, index, k)[::-1],
            Text(
                "you return the indices first; the scores come first.",
                "番号を先に返しています。スコアが先です。",
            ),
        ),
        "kth_only": Misconception(
            _kth_only,
            Text(
                "you return the k-th alone; asked for are the first, the second, ... up to it.",
                "k 番目だけを返しています。求めるのは 1 番目から k 番目までです。",
            ),
        ),
        "one_list": Misconception(
            _one_list,
            Text(
                "you make one list for all queries together; every query has its own.",
                "全部のクエリをまとめてひとつの順位にしています。順位はクエリごとに別です。",
            ),
        ),
        "scores_not_cut": Misconception(
            _scores_not_cut,
            Text(
                "you return the scores of the whole index, (Q, N), beside the k indices.",
                "番号は k 個なのに、スコアは索引全体の (Q, N) を返しています。",
            ),
        ),
        "first_scores": Misconception(
            _first_scores,
            Text(
                "your scores are those of the first k rows of the index, not of the rows that the indices name.",
                "スコアが、番号の指す行ではなく、索引の最初の k 行のものになっています。",
            ),
        ),
    },
    off_limits=("t2ilab.clip.retrieval.search", "t2ilab.clip.retrieval.nearest"),
)
