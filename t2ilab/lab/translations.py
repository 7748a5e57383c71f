"""The Japanese of what the labs print and draw, by its English text.

The terms are those of docs/glossary.md. Each `{gap}` of the English stands in the Japanese too, format and all.
"""

JAPANESE: dict[str, str] = {
    # Figures of any lab
    "step": "ステップ",
    "step {i}": "ステップ {i}",
    "loss": "損失",
    "each step": "各ステップ",
    "mean of {width} steps": "{width} ステップの平均",
    "The loss while training: {first:.3f} at the start, {last:.3f} at the end.": (
        "学習中の損失。はじめは {first:.3f}、終わりは {last:.3f} です。"
    ),
    # Widgets
    "prompt": "プロンプト",
    "seed": "シード",
    "guidance": "ガイダンスの強さ",
    "draw": "描く",
    "Left: the picture on its way out of the noise. Right: what the model thinks it will be.": (
        "左：ノイズから現れていく途中の画像。右：モデルが予想している完成画像。"
    ),
    # The pace of a training
    "{steps} steps will take about {minutes:.1f} minutes on this machine.": (
        "このコンピュータでは、{steps} ステップに約 {minutes:.1f} 分かかります。"
    ),
    (
        "That is longer than a lesson has. Lower the number of steps in this cell and run it again: the zoo's "
        "'{checkpoint}' is a model like it, trained longer; the lab shows it beside yours at the end."
    ): (
        "これは授業の時間を超えます。このセルのステップ数を減らして、もう一度実行してください。"
        "学習済みモデル集（zoo）の '{checkpoint}' は、よく似たモデルをもっと長く学習させたものです。"
        "ラボの最後で、あなたのモデルと並べて見ることができます。"
    ),
    # Lab 00
    (
        "Above, a picture coming out of noise in six moments; below, the model's estimate of the finished picture, "
        "a blur that sharpens."
    ): (
        "上：ノイズの中から現れていく画像の 6 つの時点。下：モデルが推定した完成画像。"
        "ぼやけた像が、次第にはっきりします。"
    ),
    "Sixteen pictures for sixteen prompts, one shape each.": (
        "16 個のプロンプトに対する 16 枚の画像。それぞれに図形がひとつあります。"
    ),
    "All attributes right: {all:.0%} of 16.": "すべて注文どおり：16 枚のうち {all:.0%}。",
    "Stored: {low} to {high}. For the model: {a:.2f} to {b:.2f}.": (
        "保存された値：{low} から {high} まで。モデルが見る値：{a:.2f} から {b:.2f} まで。"
    ),
    "Cosines between the vectors of six sentences; the diagonal is 1.": (
        "6 つの文のベクトルどうしのコサイン。対角線上は 1 です。"
    ),
    (
        "Four rows of six pictures of one prompt at guidance 0, 1, 3 and 8: anything at all in the first row, "
        "closer to the words in the later ones."
    ): (
        "ひとつのプロンプトに対する画像が 6 枚ずつ、4 段。ガイダンスの強さは上から 0、1、3、8 です。"
        "最初の段には何でも現れますが、あとの段ほど言葉に近づきます。"
    ),
    "guidance {scale}: {all:.0%} as asked": "ガイダンスの強さ {scale}：注文どおりの画像は {all:.0%}",
    "Eight prompts: from noise of the first strength, above, and of the second, below.": (
        "8 個のプロンプト。上は 1 つめの強さのノイズから、下は 2 つめの強さのノイズから始めたもの。"
    ),
    "noise x {strength}: {all:.0%} as asked": "ノイズ × {strength}：注文どおりの画像は {all:.0%}",
    "An astronaut riding a horse, by a published model.": "公開されているモデルが描いた、馬に乗る宇宙飛行士。",
    # Lab 05
    "Twelve pictures of the world, each one coloured shape on a plain background.": (
        "この世界の画像 12 枚。どれも、無地の背景に色の付いた図形がひとつあります。"
    ),
    (
        "The picture's share falls from 1 to nearly 0 over a thousand timesteps while the noise's share rises to 1; "
        "they cross near timestep {crossing}."
    ): (
        "1000 ステップの間に、画像の係数は 1 からほぼ 0 まで下がり、ノイズの係数は 1 まで上がります。2 つの曲線は"
        "時刻 {crossing} の近くで交わります。"
    ),
    "timestep t": "時刻 t",
    "factor": "係数",
    "picture: sqrt(ac)": "画像：sqrt(ac)",
    "noise: sqrt(1 - ac)": "ノイズ：sqrt(1 - ac)",
    "At the last timestep {share:.4f} of the picture is left.": (
        "最後の時刻に残っている画像は、元の {share:.4f} 倍です。"
    ),
    "One picture at six noise levels: clear at timestep 0, a guess at 300, nothing but noise at 999.": (
        "1 枚の画像に 6 段階のノイズを加えたもの。時刻 0 でははっきり見え、300 では推測するしかなく、"
        "999 ではノイズしか見えません。"
    ),
    "The picture that follows from a noise guess 5% off: sharp at timestep 50, unrecognisable at 900.": (
        "5% 外れたノイズの推定から求めた画像。時刻 50 でははっきりしていますが、900 では何かわかりません。"
    ),
    "Root mean square error of the picture at these timesteps: {errors}.": (
        "これらの時刻での画像の誤差（二乗平均平方根）：{errors}。"
    ),
    "How alike the vectors of seven timesteps are: each is most like itself, and near ones are more alike than far "
    "ones, though not evenly.": (
        "7 つの時刻のベクトルがどれくらい似ているか。自分自身にいちばん似ていて、近いものほどよく似ていますが、"
        "似方は均等には変わりません。"
    ),
    "{name:15} {count:>9,} weights": "{name:15} 重み {count:>9,} 個",
    (
        "Above: one picture on its way out of the noise. Below: what the network thinks it will be, vague at first, "
        "then more and more definite."
    ): (
        "上：ノイズから現れていく途中の 1 枚の画像。下：ネットワークが予想している完成画像。はじめはぼやけていますが、"
        "次第にはっきりします。"
    ),
    "Six prompts, four in English and two in Japanese, painted by your model.": (
        "6 個のプロンプト（英語が 4 個、日本語が 2 個）で、あなたのモデルが描いた画像。"
    ),
    "Right in everything: {all:.0%} of the pictures.": "すべて注文どおり：画像の {all:.0%}。",
    "The zoo's model, right in everything: {all:.0%}. Yours: {yours:.0%}.": (
        "すべて注文どおりの画像は、学習済みモデル集のモデルで {all:.0%}、あなたのモデルで {yours:.0%}。"
    ),
    "The same eight prompts, painted by your model above and by the zoo's below.": (
        "同じ 8 個のプロンプト。上はあなたのモデル、下は学習済みモデル集のモデルが描いた画像。"
    ),
    "Two prompts and two empty captions, with fresh noise in each step, above, and without it, below.": (
        "2 つのプロンプトと 2 つの空のキャプション。上は各ステップで新しいノイズを加えたもの、下は加えなかったもの。"
    ),
    "Four small photographs that never were, by a published model and your sampler.": (
        "公開されているモデルとあなたのサンプラーが描いた、実在しない小さな写真 4 枚。"
    ),
    "Two prompts after a first look at the training: still nothing but noise.": (
        "まず少しだけ学習したあとで、2 つのプロンプトを描いた画像。まだノイズしか見えません。"
    ),
    "noise: SNR": "ノイズを当てる：SNR",
    "picture: SNR + 1, at most 5": "画像を当てる：SNR + 1（上限 5）",
    "How much an error in the picture counts at each timestep. Asked for the noise, 200 million times more at "
    "the start of the road than at its end; asked for the picture, never more than five times.": (
        "画像の誤差を時刻ごとにどれだけ重く数えるか。ノイズを当てさせると、道の始まりでは終わりの 2 "
        "億倍以上になります。画像を当てさせると、差は 5 倍までです。"
    ),
    "weight": "重み",
    "After the first look, right in everything: {all:.0%} of the pictures.": (
        "最初の学習のあと、{all:.0%} の画像がすべて注文どおりでした。"
    ),
    "linear": "線形",
    "cosine": "余弦（cosine）",
    "share of the picture's variance": "画像の分散の割合",
    (
        "How much of the picture is left in x_t. The linear list falls early and fast, the cosine list slowly, with "
        "most of its timesteps in the middle."
    ): (
        "x_t に画像がどれだけ残っているか。線形の列は早く急に減ります。"
        "余弦の列はゆっくり減り、ステップの多くが中ほどにあります。"
    ),
    "Less than a tenth of the picture is left at {linear:.0%} of the linear list's timesteps, at {cosine:.0%} of the "
    "cosine's.": (
        "画像が 10 分の 1 も残っていない時刻は、線形の列では全体の {linear:.0%}、余弦の列では {cosine:.0%} です。"
    ),
}
