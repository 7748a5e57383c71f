"""The Japanese of what Lab 08 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_08: dict[str, str] = {
    "Cross-attentions in this U-Net: {count}. The last one gets {places} places of {width} numbers each, and {tokens} "
    "tokens of {wide} numbers each.": (
        "この U-Net にあるクロスアテンションは {count} 個。最後のものが受け取るのは、"
        "{width} 個の数をもつ場所が {places} か所と、{wide} 個の数をもつトークンが {tokens} 個です。"
    ),
    "Your layer and the network's own differ by at most {d:.1e}.": (
        "あなたの層とネットワーク自身の層の差は、最大で {d:.1e} です。"
    ),
    "The picture, and beside it where each head of the layer looks for a cat, above, and for a horse, below: the "
    "lighter, the more attention.": (
        "画像と、その右に、この層のそれぞれのヘッドが猫（cat、上の段）と馬（horse、下の段）を探す場所。"
        "明るいほどアテンションが多いところです。"
    ),
    "Of all the attention in this layer, {start:.0%} goes to the start token, {words:.0%} to the words, {rest:.0%} to "
    "the end token and its padding.": (
        "この層のアテンションのうち、開始トークンに {start:.0%}、単語に {words:.0%}、終端トークンとパディングに "
        "{rest:.0%} が向けられています。"
    ),
    "Without the end and the padding, the output of the attention changes by {d:.0%} of its size.": (
        "終端トークンとパディングを隠すと、アテンションの出力は、その大きさの {d:.0%} だけ変わります。"
    ),
    "The picture drawn with your attention differs by at most {d:.1e}.": (
        "あなたのアテンションで描いた画像との差は、最大で {d:.1e} です。"
    ),
    "A picture, and for each word of its prompt the places that looked at it, over all layers and steps; each map is "
    "as bright as it can be.": (
        "画像と、プロンプトの単語ごとに、その単語を見ていた場所（すべての層と、すべての歩にわたる平均）。"
        "どのマップも、最大値がいちばん明るくなるようにしてあります。"
    ),
    "{word}: looked at most at ({x:+.1f}, {y:+.1f}); the reader sees it at ({a:+.1f}, {b:+.1f}).": (
        "{word}：最もよく見られていたのは ({x:+.1f}, {y:+.1f})、読み取り器が見つけたのは ({a:+.1f}, {b:+.1f}) です。"
    ),
    "Where the network looks for a cat, above, and for a horse, below, at timesteps {times}.": (
        "時刻 {times} に、ネットワークが猫（上の段）と馬（下の段）を探している場所。"
    ),
    "Four prompts, one of them in Japanese, from noise to picture by your functions.": (
        "あなたの関数が、ノイズから画像まで描いた 4 つのプロンプト（ひとつは日本語）。"
    ),
    "Your pictures and the pipeline's differ by at most {d:.1e}.": (
        "あなたの画像とパイプラインの画像の差は、最大で {d:.1e} です。"
    ),
    "Pictures of one prompt at guidance {scales}, from top to bottom; each column from the same noise.": (
        "ひとつのプロンプトの画像。ガイダンスの強さは上から {scales}。縦の列は、同じノイズから始めたものです。"
    ),
    "faithfulness": "忠実度",
    "diversity": "多様性",
    "Faithfulness and diversity against the guidance scale, from {count} pictures each. At {scales}: faithfulness "
    "{right}, diversity {varied}.": (
        "ガイダンスの強さに対する忠実度と多様性（それぞれ {count} 枚から）。強さ {scales} のとき、忠実度は {right}、"
        "多様性は {varied}。"
    ),
    "guidance scale": "ガイダンスの強さ",
    "share": "割合",
    "guidance {scale:4}: {right:4.0%} as asked; {varied:4.0%} of pairs with different surroundings": (
        "ガイダンスの強さ {scale:4}：注文どおり {right:4.0%}、背景の違う組 {varied:4.0%}"
    ),
    "all cats": "すべての猫",
    "all dogs": "すべての犬",
    "guidance {scale}": "ガイダンスの強さ {scale}",
    "guidance {scale:2}: around {mean:.2f}, spread {spread:.2f}; {cats:4.1%} left of the middle, {far:4.1%} beyond "
    "{edge:.1f}, where {rare:.1%} of all dogs are; the product would lie around {product:.2f}": (
        "ガイダンスの強さ {scale:2}：中心 {mean:.2f}、広がり {spread:.2f}。真ん中より左に {cats:4.1%}、"
        "すべての犬の {rare:.1%} しかいない {edge:.1f} より先に {far:4.1%}。積なら、中心は {product:.2f}"
    ),
    "Where the dogs of a one-pixel world lie, drawn at four guidance scales by your functions with exact denoisers, "
    "and where all cats and all dogs are. The stronger the guidance, the narrower the heap, and the further it lies "
    "from the cats.": (
        "1 画素の世界の犬。正確なデノイザーとあなたの関数で、4 通りの強さのガイダンスをかけて描いたものと、"
        "すべての猫、すべての犬の散らばり方。ガイダンスが強いほど、山は細くなり、猫から遠ざかります。"
    ),
    "the one pixel": "ただひとつの画素の値",
    "density": "密度",
    "{asked!r:25} and negative {unwanted!r:17} {yellow:4.0%} yellow, {house:4.0%} with a house": (
        "{asked!r:25} とネガティブ {unwanted!r:17} 黄色 {yellow:4.0%}、家が見える {house:4.0%}"
    ),
    "Four ways to ask for a house that is not yellow, from top to bottom: not at all; with the word without; with the "
    "negative prompt yellow; with the negative prompt a yellow house.": (
        "黄色くない家を頼む 4 つのやり方。上から、何も言わない、without という単語を使う、"
        "ネガティブプロンプトを yellow にする、ネガティブプロンプトを a yellow house にする。"
    ),
    "Eight scenes asked for in English, above, and in Japanese, below, each pair from the same noise.": (
        "8 つのシーン。上は英語、下は日本語で頼んだもの。上下の組は、同じノイズから始めています。"
    ),
    "All as asked: English {en:.0%}, Japanese {ja:.0%} of {count} scenes; the reader reads the same in both: "
    "{agree:.0%}.": (
        "すべて注文どおり：{count} シーンのうち、英語で {en:.0%}、日本語で {ja:.0%}。"
        "読み取り器の答えがどちらでも同じもの：{agree:.0%}。"
    ),
    "From the first prompt to the second in even steps of their tokens, all from the same noise.": (
        "1 つめのプロンプトから 2 つめまで、トークンを等間隔に変えたもの。どれも同じノイズから始めています。"
    ),
    "Six pictures of the world, above, and what comes back of them from their latents, below.": (
        "上：この世界の 6 枚の画像。下：その潜在変数から戻した画像。"
    ),
    "{count:,} pictures in {seconds:.0f} s: {pixels:.1f} MB as pictures, {small:.1f} MB as latents, whose standard "
    "deviation is {deviation:.2f}.": (
        "{count:,} 枚に {seconds:.0f} 秒。画像なら {pixels:.1f} MB、潜在変数なら {small:.1f} MB で、"
        "その標準偏差は {deviation:.2f} です。"
    ),
    "Without guidance, from the same noise: {all:.0%}.": "同じノイズから、ガイダンスなしでは：{all:.0%}。",
    "A picture of your model, and the places that looked at four parts of its prompt.": (
        "あなたのモデルの画像と、プロンプトの 4 つの部分を見ていた場所。"
    ),
    "Six prompts of the lecture, by the zoo's model of the storybook.": (
        "学習済みモデル集にある絵本の世界のモデルが描いた、講義の 6 つのプロンプト。"
    ),
    "{wish:50} {share:.0%} of 16 as asked, by the model's card": (
        "{wish:50} モデルのカードでは、16 枚のうち注文どおり {share:.0%}"
    ),
    "{file:50} {size:9,.1f} kB": "{file:50} 大きさ {size:9,.1f} kB",
    "Six prompts, drawn by this course, above, and by diffusers, below.": (
        "6 つのプロンプト。上はこのコース、下は diffusers が描いたもの。"
    ),
    "The largest difference of any number, on a scale from 0 to 1: {d:.1e}.": (
        "0 から 1 までの目盛りで、いちばん違う数の差：{d:.1e}。"
    ),
    "{part:16} yours {ours:>11,}   Stable Diffusion 1.5 {theirs:>13,}": (
        "{part:16} あなたのモデル {ours:>11,}   Stable Diffusion 1.5 {theirs:>13,}"
    ),
    "guidance {scale}: {all:.0%} as asked, {clear:.0%} show something that the reader knows": (
        "ガイダンスの強さ {scale}：注文どおり {all:.0%}、読み取り器の知っているものが写っている {clear:.0%}"
    ),
    "Eight prompts at guidance 0, 1 and 3, from top to bottom, in one call.": (
        "8 つのプロンプトを 1 回の呼び出しで描いたもの。ガイダンスの強さは、上から 0、1、3。"
    ),
    "An astronaut riding a horse by Stable Diffusion 1.5, and the places that looked at each word.": (
        "Stable Diffusion 1.5 が描いた馬に乗る宇宙飛行士と、それぞれの単語を見ていた場所。"
    ),
}
