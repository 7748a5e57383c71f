"""The Japanese of what Lab 11 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_11: dict[str, str] = {
    "picture and its caption": "画像とそのキャプション",
    "picture and another caption": "画像と別のキャプション",
    "two pictures": "画像どうし",
    "two captions": "キャプションどうし",
    "How often each cosine occurs, between pictures and captions of the shapes level.": (
        "shapes レベルの画像とキャプションのあいだで、それぞれのコサインがどれだけ現れるか。"
    ),
    "{name:30} cosine {mean:+.2f} on average": "{name:30} コサインの平均 {mean:+.2f}",
    "The middles of the two clouds are {far:.2f} apart; one plane between them tells {apart:.1%} of all vectors apart, "
    "pictures from captions.": (
        "2 つの雲の真ん中は、{far:.2f} 離れています。あいだの平面ひとつで、{apart:.1%} のベクトルを、"
        "画像かキャプションかに分けられます。"
    ),
    "Eight pictures; decoded from their own embeddings; decoded from the embeddings of their captions.": (
        "上から、8 枚の画像、その埋め込みからデコードしたもの、そのキャプションの埋め込みからデコードしたもの。"
    ),
    "Right in everything: from pictures' embeddings {own:.0%}, from captions' {told:.0%}.": (
        "すべて正解：画像の埋め込みから {own:.0%}、キャプションの埋め込みから {told:.0%}。"
    ),
    "the caption's own": "キャプション自身",
    "your prior's": "あなたのプライア",
    "{name:20} cosine with the picture's embedding {own:.2f}; that picture is the nearest of {count}: {found:.0%}": (
        "{name:20} 画像の埋め込みとのコサイン {own:.2f}、{count} 枚のうちその画像がいちばん近い割合 {found:.0%}"
    ),
    "moved by the gap": "ギャップの分だけ動かしたもの",
    "your prior": "あなたのプライア（1 つ）",
    "your prior, better of 2": "あなたのプライア、2 つのうち良いほう",
    "your prior, best of 8": "あなたのプライア、8 つのうち最良",
    "the zoo's prior, better of 2": "zoo のプライア、2 つのうち良いほう",
    "the picture's own": "画像自身",
    "{name:30} right {right:4.0%}, near {near:.2f}, distance {distance:6.2f}; cosine with the caption {told:.2f}": (
        "{name:30} 正解 {right:4.0%}、近さ {near:.2f}、距離 {distance:6.2f}、キャプションとのコサイン {told:.2f}"
    ),
    "Eight captions, from top to bottom: {names}.": "8 つのキャプション。上から {names}。",
    "Four pictures, each with four variations to the right of it.": (
        "4 枚の画像と、それぞれの右に、4 通りのバリエーション。"
    ),
    "shape": "形",
    "colour": "色",
    "size": "大きさ",
    "place": "場所",
    "background": "背景",
    "{name:12} kept in {share:.0%}": "{name:12} 保たれた割合 {share:.0%}",
    "All of it kept in {share:.0%}.": "すべてが保たれた割合 {share:.0%}。",
    "Mean distance of pixels, of 2 at most: variation and source {own:.3f}, two variations {two:.3f}, two other "
    "pictures {others:.3f}.": (
        "画素の差の平均（最大 2）：バリエーションともとの画像 {own:.3f}、"
        "バリエーションどうし {two:.3f}、別の画像どうし {others:.3f}。"
    ),
    "Shortest vector on the way: on the arc {arc:.2f}, on the straight line {line:.2f}.": (
        "途中でいちばん短いベクトル：弧の上では {arc:.2f}、直線の上では {line:.2f}。"
    ),
    "From one picture to another along the arc, with one noise throughout.": (
        "1 枚の画像から別の画像へ、弧に沿って。ノイズは、すべて同じ。"
    ),
    "the new colour": "新しい色",
    "all else as before": "ほかは前のまま",
    "both": "両方",
    "How often pictures have the new colour, and all else as it was, by how far they were turned.": (
        "新しい色になり、ほかは前のままの割合。横軸は、どれだけ回したか。"
    ),
    "share of the arc": "弧の割合",
    "share of pictures": "画像の割合",
    "At its best, a turn by {turn} of the arc: both in {share:.0%}.": (
        "いちばん良いのは、弧の {turn} だけ回したとき：両方できた割合 {share:.0%}。"
    ),
    "Four pictures turned towards another colour by {turns} of the arc.": (
        "4 枚の画像を、別の色へ回したもの。左から、弧の {turns}。"
    ),
    "{count:3} components: {variance:.0%} of the variance, right in everything {right:.0%}": (
        "主成分 {count:3} 個：分散の {variance:.0%}、すべて正解 {right:.0%}"
    ),
    "How often each attribute comes back, by how many components of the embedding are kept.": (
        "それぞれの属性が戻ってくる割合。横軸は、残した主成分の数。"
    ),
    "components kept": "残した主成分の数",
    "Four pictures, decoded from {counts} components of their embeddings.": (
        "4 枚の画像を、埋め込みの主成分の一部からデコードしたもの。左から {counts} 個。"
    ),
    "In place {place}: right {right:.0%}.": "{place} 位：正解 {right:.0%}。",
    "All of them together: right {right:.0%}.": "すべて合わせて：正解 {right:.0%}。",
    "Right in everything, at 64x64: {right:.0%}.": "64x64 で、すべて正解：{right:.0%}。",
    "The same with the zoo's prior: {right:.0%}.": "zoo のプライアで同じことをすると：{right:.0%}。",
    "Four prompts, by your prior, the decoder and the upsampler.": (
        "4 つのプロンプトを、あなたのプライア、デコーダ、拡大モデルで描いたもの。"
    ),
    "sound, best of {count}": "正常、{count} つのうち最良",
    "faulty, best of {count}": "壊れたもの、{count} つのうち最良",
    "Eight pictures of the world; from their captions, by the sound prior and by the faulty one.": (
        "上から、この世界の画像 8 枚、そのキャプションから正常なプライアで描いたもの、壊れたもので描いたもの。"
    ),
    "A published CLIP: cosine of a picture and its caption {own:.2f}, of two pictures {two:.2f}, of two captions "
    "{captions:.2f}.": (
        "公開されている CLIP のコサイン：画像とそのキャプション {own:.2f}、画像どうし {two:.2f}、"
        "キャプションどうし {captions:.2f}。"
    ),
    "Of 64 pictures of this world, the eight that a published CLIP finds nearest to that caption.": (
        "この世界の 64 枚の画像のうち、公開されている CLIP から見て、そのキャプションにいちばん近い 8 枚。"
    ),
    "{name:12} from the caption's embedding: right in {share:.0%}": (
        "{name:12} キャプションの埋め込みから：正解 {share:.0%}"
    ),
    "Distance of others of the world's own, as many: {distances}.": (
        "この世界の別の画像を、同じ枚数だけ測ったときの距離：{distances}。"
    ),
    "your prior, in one step": "あなたのプライア、1 ステップで",
    "Pictures of one prompt by your prior, the one that CLIP finds fitting best at the left.": (
        "ひとつのプロンプトを、あなたのプライアで何枚も描いたもの。CLIP から見て、いちばん合うものが左。"
    ),
}
