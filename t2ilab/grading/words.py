"""What the grader says to students, in English and in Japanese; what it says to instructors is English."""

from __future__ import annotations

from t2ilab.lab.messages import Text

WORDS: dict[str, Text] = {
    # What ended an exercise before there was anything to judge
    "timeout": Text(
        "It was stopped after {seconds} seconds: is there a loop that never ends?",
        "{seconds} 秒で打ち切りました。終わらないループがありませんか。",
    ),
    "memory": Text(
        "It needed more memory than there is: are you building something far larger than the inputs?",
        "メモリが足りなくなりました。入力よりはるかに大きなものを作っていませんか。",
    ),
    "crash": Text(
        "Python itself ended while this ran: does your code leave the program (`exit`), or end it in another way?",
        "実行中に Python が終了しました。`exit` などでプログラムを終わらせていませんか。",
    ),
    "definition": Text(
        "The cell that defines it stops with {kind}: {message}",
        "定義しているセルが {kind} で止まりました。{message}",
    ),
    "unread": Text("What it gave could not be read.", "結果を読み取れませんでした。"),
    "missing": Text("The cell of this exercise is not in the notebook.", "この演習のセルがノートブックにありません。"),
    "blank": Text("Not attempted.", "まだ書かれていません。"),
    # The status, in a word or two
    "status_right": Text("Right", "正解"),
    "status_wrong": Text("Not yet", "もう一歩"),
    "status_error": Text("Error", "エラー"),
    "status_blank": Text("Not attempted", "未着手"),
    "status_off_limits": Text("To be written by yourself", "自分で書くべき部分です"),
    "status_timeout": Text("Timed out", "時間切れ"),
    "status_memory": Text("Out of memory", "メモリ不足"),
    "status_crash": Text("Crashed", "異常終了"),
    # The page
    "title": Text("{lab}: feedback for {student}", "{lab}：{student} さんへのフィードバック"),
    "penalty": Text(
        "{days} days late: {penalty} points less, which leaves {total}.",
        "{days} 日の遅れにより {penalty} 点を引き、{total} 点です。",
    ),
    "handed_in": Text("Handed in: {file}, {time}", "提出物：{file}、{time}"),
    "already": Text("What is right already", "すでにできていること"),
    "hints": Text("Hints", "ヒント"),
    "overridden": Text("Set by your instructor.", "教員による採点です。"),
    "comment": Text("Set by your instructor: {comment}", "教員による採点：{comment}"),
    "ungraded": Text("It could not be graded: {problem}", "採点できませんでした。{problem}"),
}


def word(key: str, **values: object) -> str:
    """The grader's sentence of that name, in the language of the course."""
    return WORDS[key].say(None, **values)
