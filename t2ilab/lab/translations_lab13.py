"""The Japanese of what Lab 13 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_13: dict[str, str] = {
    "log(1 - D(G(z))), as the game has it": "log(1 - D(G(z)))、勝負の式のまま",
    "-log D(G(z)), yours": "-log D(G(z))、あなたの損失",
    "The length of the gradient that a painter who has learnt nothing gets, while only the judge learns. With the "
    "judge surer from step to step, that of the game's own loss shrinks against the other.": (
        "識別器だけが学ぶ間に、何も学んでいない生成器が受け取る勾配の長さ。"
        "識別器が自信を持つにつれて、勝負の式のままの損失の勾配は、もう一方に比べて縮んでいきます。"
    ),
    "steps of the judge": "識別器のステップ",
    "length of the painter's gradient": "生成器の勾配の長さ",
    "After {steps} steps the judge gives painted pictures a probability of {p:.1e} to be real, and your loss pulls "
    "{times:,.0f} times as hard as the game's.": (
        "{steps} ステップのあと、描かれた画像が本物である確率を、識別器は {p:.1e} と答えます。"
        "あなたの損失は、勝負の式のままの損失の {times:,.0f} 倍の強さで引っ張ります。"
    ),
    "judge": "識別器",
    "painter": "生成器",
    "Eight prompts by your painter after {steps} steps, one row for each.": (
        "あなたの生成器が描いた 8 つのプロンプト。上から {steps} ステップのあと。"
    ),
    "The two losses while training.": "学習中の 2 つの損失。",
    "after {step:5} steps: right in everything {right:4.0%}, pairs of shape and colour covered {covered:4.0%}": (
        "{step:5} ステップのあと：すべて注文どおり {right:4.0%}、現れた形と色の組 {covered:4.0%}"
    ),
    "your painter": "あなたの生成器",
    "the zoo's gan-conditional": "zoo の gan-conditional",
    "the zoo's shapes-pixel, 20 steps": "zoo の shapes-pixel、20 ステップ",
    "{name:34} right in everything {right:4.0%}, {ms:6.1f} milliseconds a picture": (
        "{name:34} すべて注文どおり {right:4.0%}、1 枚に {ms:6.1f} ミリ秒"
    ),
    "Your training took {seconds:.0f} seconds.": "あなたの学習は {seconds:.0f} 秒かかりました。",
    "The same prompts by your painter, by the zoo's GAN, trained longer, and by diffusion in twenty steps.": (
        "同じプロンプト。上から、あなたの生成器、もっと長く学習した zoo の GAN、20 ステップの拡散モデルが描いたもの。"
    ),
    "the GAN": "敵対的生成ネットワーク（GAN）",
    "the diffusion model": "拡散モデル",
    "Where {name} takes 200 points of noise, grey, after its training: each line ends at what was made of one, and "
    "has the colour of the cloud that it is nearest to. The seven large marks are the clouds.": (
        "学習を終えた{name}が、灰色で示した 200 個のノイズの点をどこへ運ぶか。"
        "線の終わりが運ばれた先で、色は、いちばん近い雲の色です。大きな 7 つの印が雲です。"
    ),
    "The share of the seven clouds that points reach, while training.": "7 つの雲のうち、学習中に点が届いた割合。",
    "clouds reached": "届いた雲の割合",
    "{name}: {last:.0%} of the clouds at the end, {least:.0%} to {most:.0%} in the second half.": (
        "{name}：最後に届いた雲は {last:.0%}、後半では {least:.0%} から {most:.0%} まで。"
    ),
    "Coverage of {count} pictures of the world itself: {share:.0%}.": (
        "この世界そのものの画像 {count} 枚のカバー率：{share:.0%}。"
    ),
    "the finished diffusion model": "できあがった拡散モデル",
    "a GAN with the losses of 2014": "2014 年の損失の GAN",
    "with your calm judge and hinge": "あなたの落ち着いた識別器とヒンジ損失の GAN",
    "Twelve pictures each, none picked: of the world; then, row by row, by {names}.": (
        "12 枚ずつ。選んではいません。上から、この世界そのもの、そのあと 1 行ずつ {names}。"
    ),
    "The share of the 56 pairs of shape and colour that occur in the measured pictures, while training.": (
        "形と色の 56 通りの組のうち、測った画像に現れたものの割合。学習中の変化です。"
    ),
    "coverage": "カバー率",
    "{name:32} coverage {last:4.0%}; could be real {precision:4.0%}, of the real could be painted {recall:4.0%}": (
        "{name:32} カバー率 {last:4.0%}。適合率 {precision:4.0%}、再現率 {recall:4.0%}"
    ),
    "Largest singular value before {before:.2f}, after {after:.4f}. Yours, torch's and the exact one agree: {small}.": (
        "最大の特異値は、前が {before:.2f}、あとが {after:.4f}。"
        "あなたの結果、PyTorch の結果、正確な結果が一致するか：{small}。"
    ),
    "Six pictures by the zoo's GAN with attention; a place left of the middle; and how much it takes from each "
    "place.": (
        "上から、アテンション付きの zoo の GAN が描いた 6 枚、中央の左のひとつの場所、"
        "その場所がそれぞれの場所から取り入れる量。"
    ),
    "gan-attention: right in everything {right:.0%}; its attention has a weight of {gamma:.2f} (it began at 0).": (
        "gan-attention：すべて注文どおり {right:.0%}。アテンションの重みは {gamma:.2f}（はじめは 0 でした）。"
    ),
    "The same noise at each size, {sizes} pixels; below, your fading into the last, with alpha {alphas}.": (
        "同じノイズから描いた、{sizes} 画素の画像。その下は、あなたの関数で最後の大きさに移っていくところで、"
        "alpha は上から {alphas}。"
    ),
    "Yours and the network's own half-way picture agree: {small}.": (
        "途中の画像が、あなたの関数とネットワーク自身とで一致するか：{small}。"
    ),
    "{size:2} pixels: distance to the world's pictures of that size {distance:6.2f}; of two halves of these "
    "{halves:5.2f}": (
        "{size:2} 画素：同じ大きさの、この世界の画像との距離 {distance:6.2f}。"
        "世界の画像を 2 つに分けたときの距離 {halves:5.2f}"
    ),
    "sixteen pictures": "16 枚の画像",
    "one picture sixteen times": "1 枚の画像を 16 回",
    "{name}: the judge is also told {deviation:.3f}": "{name}：識別器に添えて教える数は {deviation:.3f}",
    "Layer by layer with your adain, and by the network itself, agree: {small}.": (
        "あなたの adain を使って 1 層ずつ動かした結果が、ネットワーク自身の結果と一致するか：{small}。"
    ),
    "Mixed styles: the first {half} layers have the style of the picture on the left, the others that of the picture "
    "above.": "混ぜたスタイル。はじめの {half} 層は左端の画像のスタイル、残りの層は上端の画像のスタイルです。",
    "psi {psi:.1f}: could be real {precision:4.0%}, of the real could be painted {recall:4.0%}, coverage "
    "{covered:4.0%}": "ψ {psi:.1f}：適合率 {precision:4.0%}、再現率 {recall:4.0%}、カバー率 {covered:4.0%}",
    "Eight pictures with psi {psis}, from top to bottom: nearer and nearer to the mean style.": (
        "8 枚の画像。ψ は上から {psis} で、下へいくほど平均のスタイルに近くなります。"
    ),
    "Pictures by day, brought to night, and home again; below, pictures by night, brought to day, and home.": (
        "昼の画像、夜にしたもの、また戻したもの。その下は、夜の画像、昼にしたもの、また戻したもの。"
    ),
    "day to night": "昼から夜",
    "night to day": "夜から昼",
    "{name}: brought over {over:.0%}; all else kept {kept:.0%} (read so in the originals: {read:.0%})": (
        "{name}：変わったもの {over:.0%}、ほかがすべて保たれたもの {kept:.0%}（もとの画像で読めるのは {read:.0%}）"
    ),
    "the zoo's two painters": "zoo の 2 つの生成器",
    "two that change nothing": "何も変えない 2 つ",
    "each compared with another's original": "別の画像の原画と比べた場合",
    "{name}: cycle loss {loss:.3f}": "{name}：サイクル損失 {loss:.3f}",
    "as they came, 32 together": "届いた順、32 枚ずつ",
    "sorted, 32 together": "並べ替えて、32 枚ずつ",
    "as they came, one at a time": "届いた順、1 枚ずつ",
    "{name:30} {who:8} right in everything {all:4.0%}, background {background:4.0%}, colour {color:4.0%}": (
        "{name:30} {who:8} すべて注文どおり {all:4.0%}、背景 {background:4.0%}、色 {color:4.0%}"
    ),
    "The same eight pictures, two rows for each order, sound above faulty: {orders}.": (
        "同じ 8 枚。2 行ずつ、上が正常なもの、下が壊れたもの。順番は上から {orders}。"
    ),
    "Three of the lecture's prompts in a single step, by a model that a judge has taught.": (
        "講義のプロンプト 3 つを、識別器に教わったモデルが 1 ステップで描いたもの。"
    ),
}
