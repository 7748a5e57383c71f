"""The Japanese of what Lab 12 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_12: dict[str, str] = {
    "Four prompts as the three models draw them: 16x16, made 32x32, made 64x64.": (
        "4 つのプロンプトを、3 つのモデルが順に描いたもの。上から 16x16、それを 32x32 に、さらに 64x64 にしたもの。"
    ),
    "{size}x{size}: {numbers:>9,} weights, {channels} channels read, {seconds:.3f} s a picture": (
        "{size}x{size}：重み {numbers:>9,} 個、入力 {channels} チャンネル、1 枚に {seconds:.3f} 秒"
    ),
    "   in thousands: on the way down {down}; in the middle {middle}; on the way up {up}": (
        "   内訳（千個）：下り道 {down}、真ん中 {middle}、上り道 {up}"
    ),
    "{large}x{large} made {small}x{small} again is {near:.1f} dB near what it was made of.": (
        "{large}x{large} をもう一度 {small}x{small} にすると、もとの絵に {near:.1f} dB まで近づきます。"
    ),
    "Share of the missing words guessed right, in captions not seen in training: English {en:.0%}, Japanese {ja:.0%}; "
    "English, of a shape and a colour never seen together, {rare:.0%}.": (
        "学習に使わなかったキャプションで、穴の単語を当てた割合：英語 {en:.0%}、日本語 {ja:.0%}。"
        "いっしょに見たことのない形と色の組み合わせ（英語）では {rare:.0%}。"
    ),
    "trained": "学習済み",
    "untrained": "学習なし",
    "Cosines of twelve words as an encoder reads them ({name}): three colours, three shapes, three sizes, three "
    "places.": ("エンコーダ（{name}）が読んだ 12 の単語のコサイン。色 3 つ、形 3 つ、大きさ 3 つ、場所 3 つ。"),
    "{name}: cosine of two words of one kind {same:+.2f}, of two kinds {different:+.2f}": (
        "{name}：同じ種類の 2 語のコサイン {same:+.2f}、違う種類では {different:+.2f}"
    ),
    "trained, English and English": "学習済み、英語と英語",
    "untrained, English and English": "学習なし、英語と英語",
    "trained, English and Japanese": "学習済み、英語と日本語",
    "   big and large {same:+.2f}, big and small {opposite:+.2f}": (
        "   big と large {same:+.2f}、big と small {opposite:+.2f}"
    ),
    "{name}: read off shape {thing:.0%}, colour {color:.0%}, size {size:.0%}, place {place:.0%}, background "
    "{background:.0%}": (
        "{name}：読み取れた割合は、形 {thing:.0%}、色 {color:.0%}、大きさ {size:.0%}、場所 {place:.0%}、"
        "背景 {background:.0%}"
    ),
    "The mean cosine of two captions, by how much of what they say is the same.": (
        "2 つのキャプションのコサインの平均。横軸は、言うことがどれだけ同じか。"
    ),
    "things that both captions say": "両方が言うことの数",
    "One small picture with noise of the levels {levels}.": (
        "1 枚の小さな絵に、ノイズを入れたもの。強さは左から {levels}。"
    ),
    "From top to bottom: small pictures; made larger by interpolation, by your stage, by the twin; and the large "
    "pictures that they were made of.": (
        "上から、小さな絵、補間で拡大したもの、あなたのモデルで拡大したもの、双子で拡大したもの、もとの大きな絵。"
    ),
    "interpolation": "補間",
    "your stage": "あなたのモデル",
    "the twin": "双子",
    "{name:16} {near:5.1f} dB near the true large picture": "{name:16} 本物の大きな絵との近さ {near:5.1f} dB",
    "The base's guesses are {near:.1f} dB near the true ones.": (
        "1 つめのモデルの推定は、本物の小さな絵に {near:.1f} dB まで近づいています。"
    ),
    "Eight true small pictures, and what the base guesses of them.": (
        "上から、本物の小さな絵 8 枚と、それについての 1 つめのモデルの推定。"
    ),
    "your stage, of true small pictures": "あなたのモデル、本物の小さな絵から",
    "your stage, of the base's guesses": "あなたのモデル、推定から",
    "the twin without noise, of true ones": "ノイズなしの双子、本物から",
    "the twin without noise, of guesses": "ノイズなしの双子、推定から",
    "How near the enlarged pictures are to the true large ones, by the level of the noise that is put into the small "
    "ones. The twin knows no noise, so it has one figure.": (
        "拡大した絵が、本物の大きな絵にどれだけ近いか。横軸は、小さな絵に入れるノイズの強さ。"
        "双子はノイズを知らないので、値はひとつ。"
    ),
    "augmentation level": "ノイズの強さ",
    "nearness (dB)": "近さ（dB）",
    "level {level:4}: of true ones {true:5.1f} dB, of guesses {wrong:5.1f} dB": (
        "強さ {level:4}：本物から {true:5.1f} dB、推定から {wrong:5.1f} dB"
    ),
    "the twin:   of true ones {true:5.1f} dB, of guesses {wrong:5.1f} dB": (
        "双子　　　：本物から {true:5.1f} dB、推定から {wrong:5.1f} dB"
    ),
    "What the hurried base draws of the first eight captions.": (
        "1 つめのモデルが、はじめの 8 つのキャプションから急いで描いた絵。"
    ),
    "{name:28} right {right:4.0%}, distance {distance:6.2f}, kept {kept:5.1f} dB": (
        "{name:28} 正解 {right:4.0%}、距離 {distance:6.2f}、保存 {kept:5.1f} dB"
    ),
    "your stage, level {level}": "あなたのモデル、強さ {level}",
    "the zoo's, level {level}": "zoo のモデル、強さ {level}",
    "the zoo's stage": "zoo のモデル",
    "the twin without noise": "ノイズなしの双子",
    "The small pictures themselves, interpolated: right {right:.0%}; the world's own small ones: {own:.0%}.": (
        "小さな絵を補間で拡大したもの：正解 {right:.0%}。この世界の画像を小さくしたものでは {own:.0%}。"
    ),
    "How far the hurried base's pictures, enlarged, are from the world's own, by the level of the noise.": (
        "急いで描かれた絵を拡大したものが、この世界の画像からどれだけ離れているか。横軸は、ノイズの強さ。"
    ),
    "How often the enlarged pictures of the base show all that was asked for, by the level of the noise.": (
        "1 つめのモデルの絵を拡大したとき、頼んだことがすべて描かれている割合。横軸は、ノイズの強さ。"
    ),
    "right in everything": "すべて正解の割合",
    "How far the base's estimates reach when nothing is done: the 99.5% quantile of their absolute values at each "
    "step. The data end at 1.": (
        "何もしないとき、1 つめのモデルの推定がどこまで届くか。各ステップでの、絶対値の 99.5% 分位数。"
        "データは 1 までしかありません。"
    ),
    "quantile s": "分位数 s",
    "nothing": "なし",
    "static": "静的",
    "dynamic": "動的",
    "the world's pictures": "この世界の画像",
    "the world's pictures: saturation {saturation:.2f}, pinned {pinned:.0%}": (
        "この世界の画像：鮮やかさ {saturation:.2f}、張り付き {pinned:.0%}"
    ),
    "w = {scale:4g}, {name:8} right {right:4.0%}, saturation {saturation:.2f} ({more:+.0%} of the world's), pinned "
    "{pinned:.0%}": (
        "w = {scale:4g}、{name:8} 正解 {right:4.0%}、鮮やかさ {saturation:.2f}（この世界より {more:+.0%}）、"
        "張り付き {pinned:.0%}"
    ),
    "Saturation of the base's pictures, by guidance scale and by what brings estimates back.": (
        "1 つめのモデルの絵の鮮やかさ。横軸はガイダンスの強さ、線は推定を範囲に戻すやり方。"
    ),
    "guidance scale w": "ガイダンスの強さ w",
    "saturation": "鮮やかさ",
    "Eight pictures of the world; from their captions at guidance {scale:g}: nothing done, static, dynamic.": (
        "上から、この世界の画像 8 枚、同じキャプションからガイダンスの強さ {scale:g} で、何もしないもの、静的、動的。"
    ),
    "Made 16x16 again, the 32x32 are {a:.1f} dB near what the base drew, the 64x64 {b:.1f} dB.": (
        "もう一度 16x16 にすると、1 つめのモデルの絵との近さは、32x32 で {a:.1f} dB、64x64 で {b:.1f} dB です。"
    ),
    "{size}: right {right:.0%}": "{size}：正解 {right:.0%}",
    "Your chain and the package's differ by {off:.5f} on average.": (
        "あなたの連なりとパッケージのものとの差は、平均 {off:.5f} です。"
    ),
    "Six prompts through the chain with your stage in the middle: 16x16, 32x32, 64x64.": (
        "6 つのプロンプトを、あなたのモデルを真ん中に置いた連なりで描いたもの。上から 16x16、32x32、64x64。"
    ),
    "The four prompts of the beginning, by your chain.": "はじめの 4 つのプロンプトを、あなたの連なりで描いたもの。",
    "sound, level {level}": "正常、強さ {level}",
    "faulty, level {level}": "壊れたもの、強さ {level}",
    "Small pictures of the base; made larger by the sound walk at level 0.4; by the faulty one at 0.1, 0.2 and 0.4.": (
        "上から、1 つめのモデルの小さな絵、正常な歩みで拡大したもの（強さ 0.4）、壊れた歩みで拡大したもの"
        "（0.1、0.2、0.4）。"
    ),
    "Two prompts by IF's first stage at guidance 10: nothing done, static, dynamic thresholding.": (
        "IF の 1 段目が、ガイダンスの強さ 10 で描いた 2 つのプロンプト。上から、何もしないもの、静的、動的。"
    ),
    "Distance of others of the world's own, as many: {distances}.": (
        "この世界の別の画像を、同じ枚数だけ測ったときの距離：{distances}。"
    ),
}
