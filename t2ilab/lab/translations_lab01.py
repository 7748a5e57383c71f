"""The Japanese of what Lab 01 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_01: dict[str, str] = {
    "Eight pictures.": "8 枚の画像。",
    "The image encoder has {look:,} weights, the text encoder {read:,}.": (
        "画像エンコーダの重みは {look:,} 個、テキストエンコーダの重みは {read:,} 個です。"
    ),
    "What the image encoder gets of the first picture: sixteen patches of 8x8 pixels.": (
        "1 枚目の画像から画像エンコーダが受け取るもの。8x8 画素のパッチが 16 枚です。"
    ),
    "Start token: {start}. End token, and padding: {end}.": (
        "開始トークンは {start}、終端トークンは {end} です。パディングにも終端トークンを使います。"
    ),
    "Cosines of the eight pictures, A to H in rows, and their captions, in columns in the same order, "
    "before training.": ("学習前の、8 枚の画像（行、A から H）と、そのキャプション（列、同じ順）のコサイン。"),
    "The pictures A B C D E F G H choose the captions of {letters}.": (
        "画像 A B C D E F G H が選んだのは、{letters} のキャプションです。"
    ),
    "B = {size}: the loss begins at {loss:.2f}; ln B = {log:.2f}; the least that this batch allows: {least:.2f}.": (
        "B = {size}：損失は {loss:.2f} から始まります。ln B = {log:.2f}、"
        "このバッチで到達できる最小の損失は {least:.2f} です。"
    ),
    "The loss began at {first:.2f} and ended at {last:.2f}; the scale at {scale:.1f}.": (
        "損失は {first:.2f} から始まり、{last:.2f} で終わりました。スケールは {scale:.1f} になりました。"
    ),
    "The same eight pictures and captions after {steps} steps of training.": (
        "{steps} ステップ学習したあとの、同じ 8 枚の画像と 8 つのキャプション。"
    ),
    "The same eight pictures and captions after the whole training.": (
        "学習がすべて終わったあとの、同じ 8 枚の画像と 8 つのキャプション。"
    ),
    "One of {count:,} sentences, the right one: {all:.0%} of the pictures.": (
        "{count:,} 個の文の中から正しい 1 文を選べた画像：{all:.0%}。"
    ),
    "Shape {thing:.0%}, colour {color:.0%}, size {size:.0%}, place {place:.0%}, background {background:.0%}.": (
        "形 {thing:.0%}、色 {color:.0%}、大きさ {size:.0%}、場所 {place:.0%}、背景 {background:.0%}。"
    ),
    "Pairs never seen, all right: {all:.0%}.": "見たことのない組み合わせで、すべて正しいもの：{all:.0%}。",
    'The eight of {count} pictures that fit "{query}" best.': "{count} 枚のうち、「{query}」にいちばん合う 8 枚。",
    "{right} of the eight are right; the gallery holds {all}.": (
        "8 枚のうち正しいものは {right} 枚。全体の中に、正しいものは {all} 枚あります。"
    ),
    "Batches of {size}, {steps} steps, {pairs:,} pairs:": (
        "バッチの大きさ {size}、{steps} ステップ、組の総数 {pairs:,}："
    ),
    "all right {all:.1%}; shape {thing:.1%}, colour {color:.1%}, place {place:.1%}.": (
        "すべて正しい {all:.1%}、形 {thing:.1%}、色 {color:.1%}、場所 {place:.1%}。"
    ),
    "By chance:": "まぐれ当たりなら：",
    "Scale fixed at {s}; the loss of a perfect matrix is {best:.2g}:": (
        "スケールを {s} に固定（完璧な行列の損失は {best:.2g}）："
    ),
    "Scale learnt, {s:.1f} at the end; the loss of a perfect matrix is {best:.2g}:": (
        "スケールも学習、最後は {s:.1f}（完璧な行列の損失は {best:.2g}）："
    ),
    "Eight pictures of the storybook.": "絵本の世界の 8 枚の画像。",
    "Cosines of the eight pictures, A to H in rows, and their captions, in columns in the same order, "
    "by clip-storybook.": (
        "clip-storybook による、8 枚の画像（行、A から H）と、そのキャプション（列、同じ順）のコサイン。"
    ),
    "Pictures that find their caption: {right} of 8.": "自分のキャプションを見つけた画像：8 枚のうち {right} 枚。",
    "Sorted by shape:": "形ごとに並べ替えた場合：",
    "The same scenes, shuffled:": "同じシーンをシャッフルした場合：",
    "The loss began at {first:.2f} and ended at {last:.2f}; the least that its batches allow: {least:.2f}.": (
        "損失は {first:.2f} から始まり、{last:.2f} で終わりました。"
        "これらのバッチで到達できる最小の損失は {least:.2f} です。"
    ),
    "The eight pictures again, A to H, and above each the letter of the caption that a published CLIP gives it.": (
        "もう一度、A から H までの 8 枚の画像。上の文字は、公開されている CLIP が選んだキャプションです。"
    ),
}
