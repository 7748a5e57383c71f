"""The Japanese of what Lab 07 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_07: dict[str, str] = {
    # What the numbers are for
    "Six pictures of one sentence, a big red star in the center on a light background: no two are alike.": (
        "「明るい背景の中央に大きな赤い星」という同じ文の画像 6 枚。同じものは 2 枚とありません。"
    ),
    "One of {count:,} sentences: {said:.1f} bits. Its picture as a file without loss: {all:,.0f} bits.": (
        "{count:,} 通りの文のうちのひとつ：{said:.1f} ビット。その画像を劣化なしで保存したファイル：{all:,.0f} ビット。"
    ),
    "One picture from ever fewer pixels: {sides} a side.": (
        "1 枚の画像を、しだいに少ない画素から戻したもの。1 辺の画素数は左から {sides} です。"
    ),
    "{n:2} x {n:2} pixels, {numbers:6,} numbers: all that was said is read in {right:.0%}.": (
        "{n:2} x {n:2} 画素、{numbers:6,} 個の数：文の内容をすべて読み取れた画像は {right:.0%}。"
    ),
    "Attention at half size only:": "アテンションが半分の大きさのところだけにある場合：",
    "Attention at full size, too:": "アテンションが元の大きさのところにもある場合：",
    "pixels {pixels:.2f} s, latents {latents:.3f} s: {ratio:.0f} times as long.": (
        "画素では {pixels:.2f} 秒、潜在変数では {latents:.3f} 秒で、{ratio:.0f} 倍の時間がかかります。"
    ),
    # The two networks
    "Pictures {pictures} become latents {latents}: {ratio:.0f} times fewer numbers.": (
        "画像 {pictures} が、潜在変数 {latents} になります。数の個数は {ratio:.0f} 分の 1 です。"
    ),
    "This autoencoder has {parameters:,} weights.": "このオートエンコーダの重みは {parameters:,} 個です。",
    "Stable Diffusion's, in the same class: {parameters:,} weights.": (
        "同じクラスの Stable Diffusion のものでは {parameters:,} 個です。"
    ),
    "Eight pictures, above, and what a new autoencoder gives back of them, below.": (
        "上：8 枚の画像。下：新しいオートエンコーダから戻ってきたもの。"
    ),
    "Before training: {psnr:.1f} dB.": "学習前：{psnr:.1f} dB。",
    # Clouds
    "By torch.normal: {a:.2f} and {b:.2f}.": "torch.normal では {a:.2f} と {b:.2f}。",
    "By your function: {a:.2f} and {b:.2f}.": "あなたの関数では {a:.2f} と {b:.2f}。",
    "By the formula: {a:.2f} and {b:.2f}.": "式では {a:.2f} と {b:.2f}。",
    "A mean of {mu:2} and a deviation of {sigma:3}: {nats:6.2f} nats.": (
        "平均 {mu:2}、標準偏差 {sigma:3}：{nats:6.2f} ナット。"
    ),
    # Training, and quality against numbers
    "Eight pictures, above; what comes back of them from your autoencoder; and from the zoo's, below.": (
        "上：8 枚の画像。中：あなたのオートエンコーダから戻ってきたもの。下：zoo のものから戻ってきたもの。"
    ),
    "As they were drawn, all is read in {right:.0%}.": "元の画像では、{right:.0%} ですべてを読み取れます。",
    "From your autoencoder: {psnr:.1f} dB; all is read in {right:.0%}.": (
        "あなたのオートエンコーダでは {psnr:.1f} dB、すべてを読み取れる画像は {right:.0%} です。"
    ),
    "From the zoo's: {psnr:.1f} dB; all is read in {right:.0%}.": (
        "zoo のものでは {psnr:.1f} dB、すべてを読み取れる画像は {right:.0%} です。"
    ),
    "How close pictures come back against the numbers that they are written in: curves for thumbnails and principal "
    "components, single points at 256 numbers for the two autoencoders.": (
        "画像を書き表す数の個数と、戻ってきた画像の近さ。縮小画像と主成分は線で、2 つのオートエンコーダは"
        "256 個のところの点で示しています。"
    ),
    "numbers for a picture": "画像 1 枚あたりの数の個数",
    "PSNR in dB": "近さ（PSNR、dB）",
    "thumbnail": "縮小画像",
    "principal components": "主成分",
    "your autoencoder": "あなたのオートエンコーダ",
    "the zoo's autoencoder": "zoo のオートエンコーダ",
    "{n:4} numbers: thumbnail {thumb:.1f} dB, principal components {parts:.1f} dB.": (
        "{n:4} 個：縮小画像 {thumb:.1f} dB、主成分 {parts:.1f} dB。"
    ),
    "From means {a:.1f} dB, from samples of clouds {b:.1f} dB, from means rounded to bytes {c:.1f} dB.": (
        "平均からは {a:.1f} dB、雲のサンプルからは {b:.1f} dB、1 バイトに丸めた平均からは {c:.1f} dB。"
    ),
    "The clouds tell {nats:,.0f} nats, {bits:,.0f} bits. The bytes are {bytes:,} bits.": (
        "雲が教えるのは {nats:,.0f} ナット、つまり {bits:,.0f} ビット。バイトでは {bytes:,} ビットです。"
    ),
    # Too much, too little
    "Price {weight:g}: {psnr:.1f} dB, from near by {missed:.1f}; {nats:.1f} nats in {used} of 16.": (
        "値段 {weight:g}：{psnr:.1f} dB、少しずれたところからは {missed:.1f}。"
        "16 個のうち {used} 個に {nats:.1f} ナット。"
    ),
    "First row: eight thumbnails. Then for each price, from the lowest to the highest, two rows: what comes back of "
    "them, and what is made of standard normal noise.": (
        "最初の行は 8 枚の縮小画像。そのあとは、安いほうから順に、値段ごとに 2 行ずつ。"
        "1 行目は戻ってきた画像、2 行目は標準正規分布のノイズから作られたもの。"
    ),
    # What latents look like
    "Two pictures, and beside each the four channels of its latents, maps of 8x8.": (
        "2 枚の画像と、その潜在変数の 4 つのチャンネル。どれも 8x8 のマップです。"
    ),
    "channel 1": "チャンネル 1",
    "channel 2": "チャンネル 2",
    "channel 3": "チャンネル 3",
    "channel 4": "チャンネル 4",
    "Moved in latents against moved in pixels: {near:.1f} dB; against not moved at all: {far:.1f} dB.": (
        "潜在変数でずらしたものを、画素でずらしたものと比べると {near:.1f} dB、ずらさないものと比べると {far:.1f} dB。"
    ),
    "A walk from one picture to another in six stops: in the latents, above, and in the pixels, below.": (
        "ひとつの画像からもうひとつの画像までを 6 か所で見たもの。上は潜在変数の上を、下は画素の上を歩きます。"
    ),
    "Six times noise as large as latents are, decoded.": "潜在変数と同じ大きさのノイズを 6 つ、デコードしたもの。",
    # The factor
    "Standard deviation of your latents: {spread:.2f}; so the factor is {scale:.4f}.": (
        "あなたの潜在変数の標準偏差は {spread:.2f} なので、係数は {scale:.4f} です。"
    ),
    "Stable Diffusion's schedule ends at a signal-to-noise ratio of {scaled:.4f}; without the factor that would be "
    "{plain:.3f}.": (
        "Stable Diffusion のスケジュールは、信号対雑音比 {scaled:.4f} で終わります。係数がなければ {plain:.3f} です。"
    ),
    "One picture's latents with the noise of the timesteps 0, 200, 400, 600 and 800, decoded: with the factor, above, "
    "and without it, below.": (
        "ひとつの画像の潜在変数に、時刻 0、200、400、600、800 のノイズを加えてデコードしたもの。"
        "上は係数を掛けた場合、下は掛けない場合。"
    ),
    "Share of pictures in which the reader still finds all, against the timestep whose noise was added to the latents, "
    "with the factor and without it.": (
        "どの時刻のノイズを潜在変数に加えたかと、読み取り器がまだすべてを読み取れる画像の割合。"
        "係数を掛けた場合と、掛けない場合です。"
    ),
    "all is read": "すべて読み取れた割合",
    "with the factor": "係数を掛ける",
    "without it": "掛けない",
    "t = {t:3}: {scaled:4.0%} with the factor, {plain:4.0%} without it.": (
        "t = {t:3}：係数を掛けると {scaled:4.0%}、掛けないと {plain:4.0%}。"
    ),
    # The race
    "Share of all that was asked for that the reader finds in the pictures, against the seconds of training: one curve "
    "for diffusion in latents, one for diffusion in pixels.": (
        "学習の秒数と、注文したもののうち読み取り器が画像の中に見つけた割合。"
        "潜在変数での拡散と画素での拡散を、1 本ずつの線で示しています。"
    ),
    "seconds of training": "学習の秒数",
    "of what was asked, read": "注文どおりの割合",
    "in latents": "潜在変数で",
    "in pixels": "画素で",
    "Eight scenes after as many seconds of training: painted in latents, above, and in pixels, below.": (
        "同じ秒数だけ学習したあとの 8 つのシーン。上は潜在変数で、下は画素で描いたもの。"
    ),
    "In latents:": "潜在変数：",
    "In pixels:": "画素：",
    "{at:3.0f} s, {steps:4} steps: {share:.0%} of what was asked is read, all in {whole:.0%}.": (
        "{at:3.0f} 秒、{steps:4} ステップ：注文したもののうち {share:.0%} を読み取れ、"
        "すべて読み取れた画像は {whole:.0%}。"
    ),
    # Break it
    "Eight scenes painted in latents, decoded with the measured factor, above, and the default, below.": (
        "潜在変数で描いた 8 つのシーン。上は測った係数で、下は既定値でデコードしたもの。"
    ),
    "Latents are {ratio:.2f} times as large as they should be.": "潜在変数は、本来の {ratio:.2f} 倍になっています。",
    "With the factor measured, {share:.0%} of what was asked is read.": (
        "測った係数では、注文したもののうち {share:.0%} を読み取れます。"
    ),
    "With the default, {share:.0%} of what was asked is read.": (
        "既定値では、注文したもののうち {share:.0%} を読み取れます。"
    ),
    # Optional
    "The factor for these pictures: {scale:.4f}. Stable Diffusion's: 0.18215.": (
        "これらの画像での係数は {scale:.4f}、Stable Diffusion の係数は 0.18215 です。"
    ),
    "Two pictures of the storybook, above, and what comes back from a published autoencoder, below.": (
        "上：絵本の世界の画像 2 枚。下：公開されているオートエンコーダから戻ってきたもの。"
    ),
}
