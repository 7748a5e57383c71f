"""How good a search is: the share of rows whose own partner is among the k best."""

import torch

from t2ilab.lab.bank.lab03_image_text_data.draws import LAB, uniform
from t2ilab.lab.definition import Exercise, Misconception, Property
from t2ilab.lab.messages import Text
from t2ilab.lab.probing import cases


def recall_at_k(similarities, k):
    """The share of rows whose own column is among their k largest.

    similarities: (N, N), queries in rows; row i belongs to column i. k: at most N. Returns one number in [0, 1].
    """
    best = similarities.topk(k, dim=1).indices  # (N, k), for each query the columns that it finds
    own = torch.arange(len(similarities), device=similarities.device)  # (N,), the column it should find
    found = (best == own[:, None]).any(dim=1)  # (N,): anywhere among the k is good enough
    return found.float().mean()


def _hits(similarities, k):
    """How many rows find their own column among their k best: the number that wrong answers do other things with."""
    return int((_rank(similarities) < k).sum())


def _rank(similarities):
    """(N,): how many columns are more similar to row i than its own."""
    return (similarities > similarities.diagonal()[:, None]).sum(1)


def _inputs(generator):
    def drawn(n):
        """(N, N) without ties; the shares of k = 1, 2, 3 grow, not in proportion, and those of columns are others."""
        while True:
            places = torch.randperm(n * n, generator=generator).reshape(n, n)
            similarities = 1.8 * places / (n * n) - 0.9
            rows, columns = ([_hits(table, k) for k in (1, 2, 3)] for table in (similarities, similarities.T))
            grows = 0 < rows[0] < rows[1] < rows[2] < n and rows[1] != 2 * rows[0]
            if grows and all(row != column for row, column in zip(rows, columns, strict=True)):
                return similarities

    return {
        "similarities": drawn(7), "k": int(torch.randint(2, 4, (), generator=generator)), "other": drawn(6),
        "offsets": 10 * torch.randperm(7, generator=generator)[:, None] + uniform(generator, 0, 1, 7, 1),
    }  # fmt: skip


@cases
def _probe(recall_at_k, inputs):
    similarities, k = inputs["similarities"], inputs["k"]
    n = len(similarities)
    yield "k_one", lambda: recall_at_k(similarities, 1)
    yield "batch", lambda: recall_at_k(similarities, k)
    yield "k_more", lambda: recall_at_k(similarities, 5 - k)
    yield "k_all", lambda: recall_at_k(similarities, n)
    yield "sizes", lambda: recall_at_k(inputs["other"], 2)
    yield "single", lambda: recall_at_k(similarities[:1, :1], 1)
    # In every row its own column is the largest (or the smallest), but one row is the largest in all columns.
    yield "own_best", lambda: recall_at_k(similarities + 3 * torch.eye(n) + inputs["offsets"], 1)
    yield "own_worst", lambda: recall_at_k(similarities - 3 * torch.eye(n) + inputs["offsets"], n - 1)
    yield "float64", lambda: recall_at_k(similarities.double(), k)


def _of_hits(share):
    """A wrong answer from share(hits, N, k), where the hits themselves are right."""
    return lambda similarities, k: share(_hits(similarities, k), len(similarities), k)


def _of_ranks(decide):
    """A wrong answer from decide(rank (N,), k) -> booleans; rank 0 is the best."""
    return lambda similarities, k: decide(_rank(similarities), k).float().mean()


def _place_for_rank(similarities, k):
    order = similarities.argsort(dim=1, descending=True)
    return (order.diagonal() < k).float().mean()


def _lined_up_wrongly(similarities, k):
    best = similarities.topk(k, dim=1).indices
    return (best == torch.arange(len(best))).any(1).float().mean()


def _best_of_all(similarities, k):
    n = len(similarities)
    best = similarities.flatten().topk(k).indices
    return (best // n == best % n).sum() / n


RECALL_AT_K = Exercise(
    name="recall_at_k",
    lab=LAB,
    difficulty=2,
    minutes=10,
    points=2,
    make_inputs=_inputs,
    probe=_probe,
    reference=recall_at_k,
    hints=(
        Text(
            "Each query either finds its partner among its first k, or it does not. Row i's partner is in column i.",
            "どのクエリも、上位 k 個の中に自分の相手を見つけるか、見つけないかのどちらかです。"
            "i 行目の相手は i 列目にあります。",
        ),
        Text(
            "`topk(k, dim=1).indices` names the k best columns of every row, (N, k). Does the row's own number occur "
            "there? Then take the share of rows where it does.",
            "`topk(k, dim=1).indices` は各行の上位 k 個の列番号、形状は (N, k) です。その中に自分の行番号があるかを"
            "調べ、ある行の割合を求めます。",
        ),
        Text(
            "Compare with `torch.arange(N)[:, None]`, which is (N, 1), take `.any(dim=1)`, and the mean of that as "
            "floats.",
            "形状が (N, 1) の `torch.arange(N)[:, None]` と比べ、`.any(dim=1)` をとり、それを小数にして平均します。",
        ),
    ),
    properties={
        "own_best": Property(
            lambda arrays, inputs: (
                abs(arrays["own_best"] - 1) < 1e-6 and abs(arrays["own_worst"]) < 1e-6 and arrays["batch"] < 0.999
            ),
            0.25,
            Text(
                "Where every row is largest at its own column, the recall must be 1, also at k = 1; where every row is "
                "smallest there, it must be 0 until k = N.",
                "どの行でも自分の列が最大なら、k = 1 でも再現率は 1 になるはずです。"
                "どの行でも自分の列が最小なら、k = N になるまでは 0 のはずです。",
            ),
        ),
        "grows": Property(
            lambda arrays, inputs: (
                0 < arrays["k_one"] < min(arrays["batch"], arrays["k_more"]) and abs(arrays["k_all"] - 1) < 1e-6
            ),
            0.2,
            Text(
                "The recall must grow with k and reach 1 at k = N, where nothing can be missed.",
                "再現率は k とともに大きくなり、見逃しようのない k = N では 1 になるはずです。",
            ),
        ),
    },
    misconceptions={
        "columns": Misconception(
            lambda similarities, k: recall_at_k(similarities.T, k),
            Text(
                "you look along the columns, which asks the other way round (from the found to the query); queries are "
                "in rows.",
                "列に沿って調べています。これでは探す側と探される側が逆です。クエリは行に並んでいます。",
            ),
        ),
        "both_directions": Misconception(
            lambda similarities, k: (recall_at_k(similarities, k) + recall_at_k(similarities.T, k)) / 2,
            Text(
                "you average both directions; asked for is the one from rows to columns.",
                "両方向の平均をとっています。求めるのは、行から列を探す向きだけです。",
            ),
        ),
        "kth_only": Misconception(
            _of_ranks(lambda rank, k: rank == k - 1),
            Text(
                "you count a row only if its partner is exactly the k-th; a better place counts too.",
                "相手がちょうど k 番目のときだけ数えています。もっと上位にあるときも数えてください。",
            ),
        ),
        "one_too_many": Misconception(
            _of_ranks(lambda rank, k: rank <= k),
            Text(
                "you look at k + 1 places: the best has rank 0, so that rank k is one too far.",
                "k + 1 個まで見ています。最上位の順位を 0 とすると、順位 k は 1 つ余分です。",
            ),
        ),
        "one_too_few": Misconception(
            _of_ranks(lambda rank, k: rank < k - 1),
            Text(
                "you look at k - 1 places only: at k = 1 nobody finds anything.",
                "k - 1 個しか見ていません。これでは k = 1 のとき何も見つかりません。",
            ),
        ),
        "first_only": Misconception(
            _of_ranks(lambda rank, k: rank == 0),
            Text(
                "you leave k out and look at the best column only.",
                "k を使わずに、いちばん似ている列だけを見ています。",
            ),
        ),
        "smallest": Misconception(
            lambda similarities, k: recall_at_k(-similarities, k),
            Text(
                "you take the k smallest, as if these were distances; a large similarity is a good one.",
                "距離のように、小さいほうから k 個を選んでいます。類似度は大きいほど良い値です。",
            ),
        ),
        "place_for_rank": Misconception(
            _place_for_rank,
            Text(
                "`argsort` says which column has rank j; you read it as the rank of column j.",
                "`argsort` が返すのは、順位 j の列がどれかです。列 j の順位として読んでいます。",
            ),
        ),
        "lined_up_wrongly": Misconception(
            _lined_up_wrongly,
            Text(
                "`arange(N)` lines up with the last axis, the k places, so that every place is compared with the "
                "wrong numbers.",
                "`arange(N)` が最後の軸（k 個の順位）に合わせてブロードキャストされ、違う番号と比べています。",
            ),
        ),
        "best_of_all": Misconception(
            _best_of_all,
            Text(
                "you take the k largest of the whole table; every row has its own k.",
                "表全体から大きい順に k 個を選んでいます。k 個は行ごとに選びます。",
            ),
        ),
        "count": Misconception(
            _of_hits(lambda hits, n, k: hits),  # a sum of booleans is a whole number
            Text(
                "you count how many rows find their partner; asked for is their share.",
                "相手を見つけた行の数を数えています。求めるのは割合です。",
            ),
        ),
        "count_as_float": Misconception(
            _of_hits(lambda hits, n, k: float(hits)),
            Text(
                "your sum says how many rows find their partner; asked for is their share.",
                "合計なので、相手を見つけた行の数になっています。求めるのは割合です。",
            ),
        ),
        "precision": Misconception(
            _of_hits(lambda hits, n, k: hits / (n * k)),
            Text(
                "you divide by k as well. Each row has one partner, and is right if it is among the k.",
                "さらに k で割っています。各行の相手は 1 つで、それが k 個の中にあれば正解です。",
            ),
        ),
        "divided_by_k": Misconception(
            _of_hits(lambda hits, n, k: hits / k),
            Text(
                "you divide by k, not by the number of rows.",
                "行の数ではなく k で割っています。",
            ),
        ),
        "percent": Misconception(
            _of_hits(lambda hits, n, k: 100 * hits / n),
            Text(
                "these are percent; asked for is a number from 0 to 1.",
                "百分率になっています。0 から 1 の値を返してください。",
            ),
        ),
        "misses": Misconception(
            _of_hits(lambda hits, n, k: 1 - hits / n),
            Text(
                "this is the share of rows that miss their partner.",
                "これは、相手を見つけられなかった行の割合です。",
            ),
        ),
        "any_query": Misconception(
            _of_hits(lambda hits, n, k: float(hits > 0)),
            Text(
                "you ask whether any query at all finds its partner: `any` without `dim` runs over the rows too.",
                "どれか 1 つのクエリでも見つけたかどうかになっています。"
                "`dim` のない `any` は、行についてもまとめてしまいます。",
            ),
        ),
    },
    off_limits=("t2ilab.clip.retrieval.recall_at_k",),
)
