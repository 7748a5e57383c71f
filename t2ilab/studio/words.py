"""What the studio says, in English and in Japanese."""

from __future__ import annotations

from t2ilab.data.understanding import understand
from t2ilab.data.words import LEVELS
from t2ilab.lab.messages import Text

LANGUAGES = {"en": "English", "ja": "日本語"}

SENTENCES = {
    # What cannot be drawn
    "prompt_empty": Text(
        "A prompt needs at least one word; got an empty one. Try one of the examples.",
        "プロンプトが空です。単語を一つ以上入れるか、下の例を選んでください。",
    ),
    "prompt_long": Text(
        "A prompt has at most {most} characters; got {got}. Say it in fewer words.",
        "プロンプトは {most} 文字までですが、{got} 文字あります。短くしてください。",
    ),
    "steps": Text(
        "Steps lie in 1 to {most}; got {got}. 20 is plenty.",
        "ステップ数は 1 から {most} までですが、{got} になっています。20 で十分です。",
    ),
    "count": Text(
        "1 to {most} pictures are drawn at a time; got {got}.",
        "一度に描けるのは 1 枚から {most} 枚までですが、{got} になっています。",
    ),
    "seed": Text(
        "A seed is a whole number from 0 to {most}; got {got}.",
        "シードは 0 から {most} までの整数ですが、{got} になっています。",
    ),
    "guidance": Text(
        "Guidance lies in 1 (off) to {most}; got {got}. 3 is usual.",
        "ガイダンスは 1（なし）から {most} までですが、{got} になっています。ふつうは 3 です。",
    ),
    "negative": Text(
        "What to avoid has no effect without guidance above 1; got {got}. Raise the guidance, or leave it empty.",
        "「避けるもの」はガイダンスが 1 より大きいときだけ効きますが、{got} になっています。"
        "ガイダンスを上げるか、空にしてください。",
    ),
    "sampler": Text(
        "The sampler is one of {known}; got {got}.", "サンプラーは {known} のどれかですが、{got} になっています。"
    ),
    "shape": Text("The shape is one of {known}; got {got}.", "形は {known} のどれかですが、{got} になっています。"),
    "strength": Text(
        "Strength lies in 0 (keep all) to 1 (keep nothing); got {got}.",
        "強さは 0（そのまま）から 1（何も残さない）までですが、{got} になっています。",
    ),
    "model": Text(
        "This studio has no model {got}; it has {known}.",
        "モデル {got} はこのスタジオにありません。あるのは {known} です。",
    ),
    "mask_missing": Text(
        "Nothing is painted, so nothing would be filled. Paint over what is to change, or choose another part.",
        "塗られたところがないので、描き直すところがありません。変えたいところを塗るか、別の範囲を選んでください。",
    ),
    "scribble_missing": Text(
        "The scribble is empty. Draw some lines, or lead the picture by words alone.",
        "下描きがまだありません。線を描くか、言葉だけで描いてください。",
    ),
    "needs_start": Text(
        "This model fills in pictures: open one, and choose the part to draw anew.",
        "このモデルは絵の一部を描き直すものです。絵を開いて、描き直す範囲を選んでください。",
    ),
    "needs_mask": Text(
        "This model fills in a part of a picture: choose which, not the whole.",
        "このモデルは絵の一部を描き直すものです。全体ではなく、描き直す範囲を選んでください。",
    ),
    # Files
    "not_picture": Text(
        "This file is not a whole PNG, JPEG, WebP, GIF or BMP picture. Open another one.",
        "このファイルは PNG、JPEG、WebP、GIF、BMP の画像として読めません。別の画像を開いてください。",
    ),
    "too_big": Text(
        "A picture has at most {most} million pixels; this one is too large. Make it smaller first.",
        "画像は {most} 百万画素までですが、この画像は大きすぎます。小さくしてから開いてください。",
    ),
    "too_thin": Text(
        "A picture is at least 8 pixels a side and at most 8 times as long as wide; this one is {width}x{height}.",
        "画像は一辺 8 画素以上、縦横の比は 8 倍までですが、{width}x{height} 画素です。",
    ),
    "not_png": Text(
        "Settings are kept in PNG files, and this is not one. Choose a picture that was saved here.",
        "設定は PNG ファイルに入っていますが、これは PNG ではありません。ここで保存した絵を選んでください。",
    ),
    "no_settings": Text(
        "This PNG holds no settings. Choose one that was saved here, or by t2ilab generate.",
        "この PNG には設定が入っていません。ここで保存した絵か、t2ilab generate で描いた絵を選んでください。",
    ),
    # What happens
    "waiting": Text("Waiting for its turn …", "順番を待っています…"),
    "step": Text("Step {step} of {steps}", "{steps} ステップのうち {step}"),
    "step_of": Text(
        "Picture {number} of {count}, step {step} of {steps}",
        "{count} 枚のうち {number} 枚目、{steps} ステップのうち {step}",
    ),
    "drawn": Text("Drawn in {seconds:.1f} seconds.", "{seconds:.1f} 秒で描きました。"),
    "stopped": Text("Stopped.", "止めました。"),
    "restored": Text("Its settings are back.", "この絵の設定に戻しました。"),
    "restored_other_model": Text(
        "Its settings are back, except for its model {model}, which this studio has not.",
        "この絵の設定に戻しました。ただし、モデル {model} はこのスタジオにないので、そのままです。",
    ),
    "failed": Text(
        "Something went wrong: {error}. The terminal that started the studio says more.",
        "うまくいきませんでした：{error}。くわしくは、スタジオを起動した端末を見てください。",
    ),
    "memory": Text(
        "There is not enough memory for this. Ask for fewer or smaller pictures.",
        "メモリが足りません。枚数を減らすか、小さくしてください。",
    ),
    "unknown": Text(
        "This model does not know {words}, and draws the rest.", "このモデルは {words} を知らないので、残りを描きます。"
    ),
    "unread": Text(
        "The prompt is longer than this model reads; left out is: {rest}",
        "プロンプトが長いので、次の部分は読まれません：{rest}",
    ),
    # On the stage
    "alt": Text("{prompt} (seed {seed})", "{prompt}（シード {seed}）"),
    "alt_coming": Text("The picture on its way out of the noise", "ノイズの中から現れる途中の絵"),
    "alt_step": Text("After {step} steps", "{step} ステップ後"),
    "seed_is": Text("seed {seed}", "シード {seed}"),
    "save": Text("Save PNG", "PNG を保存"),
    "save_alt": Text("Save the picture of seed {seed}", "シード {seed} の絵を保存"),
    "way": Text("From noise to picture", "ノイズから絵になるまで"),
    "python": Text("The same in Python", "同じことを Python で"),
    "shown_first": Text("Drawn when the studio opened.", "スタジオを開いたときに描いた絵です。"),
}

# Labels, values, hints and placeholders of the page, by the name of what they stand on.
LABELS = {
    "title": Text("t2ilab studio", "t2ilab スタジオ"),
    "subtitle": Text(
        "Type what you want to see, and watch it come out of the noise.",
        "見たいものを書くと、ノイズの中から絵が現れます。",
    ),
    "language": Text("Language", "言語"),
    "prompt": Text("What do you want to see?", "何を見たいですか？"),
    "prompt_placeholder": Text("an astronaut riding a horse", "馬に乗る宇宙飛行士"),
    "draw": Text("Draw", "描く"),
    "stop": Text("Stop", "止める"),
    "examples": Text("Try one:", "例："),
    "stage": Text("The picture", "絵"),
    "pixels": Text("Pixels", "画素の見せ方"),
    "crisp": Text("Crisp squares", "くっきり"),
    "smooth": Text("Smooth", "なめらか"),
    "watch": Text("While it draws, show", "描いている間に見せるもの"),
    "noise": Text("the noise", "ノイズ"),
    "guess": Text("the model's guess", "モデルの予想"),
    "settings": Text("Settings", "設定"),
    "model": Text("Model", "モデル"),
    "count": Text("Pictures", "枚数"),
    "steps": Text("Steps", "ステップ数"),
    "steps_info": Text("More are slower and finer.", "多いほど時間がかかり、細かくなります。"),
    "guidance": Text("Guidance", "ガイダンス"),
    "guidance_info": Text("How closely to follow the words; 1 is off.", "言葉にどれだけ従うか。1 でなしになります。"),
    "seed": Text("Seed", "シード"),
    "seed_info": Text("The same seed draws the same picture.", "同じシードからは同じ絵ができます。"),
    "new_seed": Text("A new seed each time", "毎回新しいシード"),
    "negative": Text("What to avoid", "避けるもの"),
    "negative_placeholder": Text("purple", "紫の"),
    "sampler": Text("Sampler", "サンプラー"),
    "shape": Text("Shape", "形"),
    "square": Text("Square", "正方形"),
    "wide": Text("Wide", "横長"),
    "tall": Text("Tall", "縦長"),
    "more": Text("More settings", "そのほかの設定"),
    "over": Text("Start from a picture", "絵から始める"),
    "open": Text("Open a picture", "絵を開く"),
    "use_last": Text("Use the picture above", "上の絵を使う"),
    "remove": Text("Remove it", "外す"),
    "editor": Text("Paint what is to change", "変えたいところを塗る"),
    "part": Text("Draw anew", "描き直す範囲"),
    "all": Text("the whole picture", "絵の全体"),
    "painted": Text("what I paint", "塗ったところ"),
    "left": Text("the left half", "左半分"),
    "right": Text("the right half", "右半分"),
    "top": Text("the upper half", "上半分"),
    "bottom": Text("the lower half", "下半分"),
    "strength": Text("Strength", "強さ"),
    "strength_info": Text(
        "0 keeps the picture, 1 keeps nothing of that part.", "0 ではそのまま、1 ではその範囲に何も残りません。"
    ),
    "scribble_box": Text("Lead it by a scribble", "下描きで導く"),
    "scribble": Text("White outlines on black", "黒地に白い輪郭"),
    "control": Text("ControlNet", "ControlNet"),
    "no_control": Text("none: words alone", "なし（言葉だけ）"),
    "gallery": Text("Your pictures: choose one to have its settings back", "描いた絵：選ぶと、その設定に戻ります"),
    "restore": Text("Settings from a saved PNG", "保存した PNG から設定を戻す"),
    "words": Text("The words it knows", "知っている言葉"),
    "any_words": Text("This model takes any words.", "このモデルはどんな言葉でも受け取ります。"),
}

EXAMPLES = {  # the same ones, in the same order
    "en": (
        "an astronaut riding a horse",
        "a brain riding a rocket heading towards the moon",
        "a purple cat in a boat at sea",
        "a chef in the kitchen",
        "a hot air balloon at sunset",
        "a Jizo statue at night",
    ),
    "ja": (
        "馬に乗る宇宙飛行士",
        "月へ向かうロケットに乗る脳",
        "海で、船の中の紫の猫",
        "台所で、シェフ",
        "夕焼けの中、気球",
        "夜空の下、お地蔵さん",
    ),
}


def sentence(name: str, language: str = "en", **values: object) -> str:
    """A sentence of the studio in one language, with its `{names}` filled in."""
    return SENTENCES[name].say(language, **values)


def label(name: str, language: str = "en") -> str:
    """What stands on a part of the page."""
    return LABELS[name].say(language)


def remark(prompt: str, world: str, language: str = "en") -> str | None:
    """Which words of a prompt a model of that level does not know, or None: one sentence."""
    try:
        unknown = dict.fromkeys(understand(prompt, world)[1])
    except ValueError as error:  # a scene that cannot be
        return str(error)
    words = ", ".join(f"“{word}”" if language == "en" else f"「{word}」" for word in unknown)
    return sentence("unknown", language, words=words) if unknown else None


def known_words(world: str | None, language: str = "en") -> str:
    """All that a model of that level can be asked for, a line a kind."""
    if world is None:
        return label("any_words", language)
    column = 1 if language == "ja" else 0
    lines = [
        ("、" if column else ", ").join(words[column][0] for words in names.values())
        for kind, names in LEVELS[world].items()
        if kind != "accent"
    ]
    return "\n\n".join(lines)
