"""The Japanese of what the labs print and draw, by its English text.

The terms are those of docs/glossary.md. Each `{gap}` of the English stands in the Japanese too, format and all.
"""

from t2ilab.lab.translations_lab01 import LAB_01
from t2ilab.lab.translations_lab02 import LAB_02
from t2ilab.lab.translations_lab03 import LAB_03
from t2ilab.lab.translations_lab07 import LAB_07
from t2ilab.lab.translations_lab08 import LAB_08
from t2ilab.lab.translations_lab09 import LAB_09
from t2ilab.lab.translations_lab10 import LAB_10
from t2ilab.lab.translations_lab11 import LAB_11
from t2ilab.lab.translations_lab12 import LAB_12
from t2ilab.lab.translations_lab13 import LAB_13
from t2ilab.lab.translations_lab14 import LAB_14

JAPANESE: dict[str, str] = {
    **LAB_01,
    **LAB_02,
    **LAB_03,
    **LAB_07,
    **LAB_08,
    **LAB_09,
    **LAB_10,
    **LAB_11,
    **LAB_12,
    **LAB_14,
    **LAB_13,
    # Figures of any lab
    "step": "ステップ",
    "step {i}": "ステップ {i}",
    "loss": "損失",
    "each step": "各ステップ",
    "mean of {width} step": "{width} ステップの平均",
    "mean of {width} steps": "{width} ステップの平均",
    "The loss while training: {first:.3f} at the start, {last:.3f} at the end.": (
        "学習中の損失。はじめは {first:.3f}、終わりは {last:.3f} です。"
    ),
    # Ten years on one page
    "Image generation from 2014 to today. The numbers in boxes are the labs of this course. {events}.": (
        "2014 年から今日までの画像生成。枠の中の数は、このコースのラボです。{events}。"
    ),
    "today": "今日",
    # Widgets
    "prompt": "プロンプト",
    "seed": "シード",
    "guidance": "ガイダンスの強さ",
    "draw": "描く",
    "Left: the picture on its way out of the noise. Right: what the model thinks it will be.": (
        "左：ノイズから現れていく途中の画像。右：モデルが予想している完成画像。"
    ),
    "Without a mouse": "マウスを使わないとき",
    "width": "太さ",
    "undo": "元に戻す",
    "begin anew": "最初から",
    "across": "横",
    "down": "縦",
    "add a dot": "点を打つ",
    "joint": "関節",
    "put it there": "そこに置く",
    "Draw lines, with the mouse or a finger, where edges are to be.": (
        "輪郭がほしいところに、マウスか指で線を引いてください。"
    ),
    "Paint, with the mouse or a finger, what is to change.": "変えたいところを、マウスか指で塗ってください。",
    "Drag a joint, or from beside the figure all of it. Arrow keys move the joint that has the focus.": (
        "関節をドラッグしてください。人物の外からドラッグすると、全体が動きます。選んだ関節は、矢印キーでも動かせます。"
    ),
    "What was drawn: {prompt}": "描いたもの：{prompt}",
    "head": "頭",
    "neck": "首",
    "right shoulder": "右肩",
    "right hand": "右手",
    "left shoulder": "左肩",
    "left hand": "左手",
    "waist": "腰",
    "right foot": "右足",
    "left foot": "左足",
    # The pace of a training
    "{steps} steps will take about {minutes:.1f} minutes on this machine.": (
        "このコンピュータでは、{steps} ステップに約 {minutes:.1f} 分かかります。"
    ),
    "That is longer than a lesson has. Lower the number of steps in this cell and run it again.": (
        "これは授業の時間を超えます。このセルのステップ数を減らして、もう一度実行してください。"
    ),
    (
        "That is longer than a lesson has. Lower the number of steps in this cell and run it again: the zoo's "
        "'{checkpoint}' is a model like it, trained longer; the lab shows it beside yours."
    ): (
        "これは授業の時間を超えます。このセルのステップ数を減らして、もう一度実行してください。"
        "学習済みモデル集（zoo）の '{checkpoint}' は、よく似たモデルをもっと長く学習させたものです。"
        "このラボの中で、あなたのモデルと並べて見ることができます。"
    ),
    # Lab 00
    (
        "Above, a picture coming out of noise in six moments; below, the model's estimate of the finished picture: "
        "the outlines at once, the colours and the background after them."
    ): (
        "上：ノイズの中から現れていく画像の 6 つの時点。下：モデルが推定した完成画像。"
        "輪郭はすぐに、色と背景はそのあとで決まります。"
    ),
    "Sixteen pictures for sixteen prompts, of one to three things.": (
        "16 個のプロンプトに対する 16 枚の画像。描くものは 1 つから 3 つです。"
    ),
    "{parameters:,} numbers, made by: {command}": "パラメータ数は {parameters:,}。作ったコマンド：{command}",
    "Things in the prompt: {things}. Everything right: {share:.0%} of 512 pictures.": (
        "描くものの数：{things}。すべて注文どおり：512 枚のうち {share:.0%}。"
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
        "the words in the others, and ever less variety."
    ): (
        "ひとつのプロンプトに対する画像が 6 枚ずつ、4 段。ガイダンスの強さは上から 0、1、3、8 です。"
        "最初の段には何でも現れますが、ほかの段は言葉のとおりで、下の段ほど多様さが減ります。"
    ),
    "guidance {scale}: {all:.0%} as asked": "ガイダンスの強さ {scale}：注文どおりの画像は {all:.0%}",
    "Eight prompts: from noise of the first strength, above, and of the second, below.": (
        "8 個のプロンプト。上は 1 つめの強さのノイズから、下は 2 つめの強さのノイズから始めたもの。"
    ),
    "noise x {strength}: {all:.0%} as asked": "ノイズ × {strength}：注文どおりの画像は {all:.0%}",
    "An astronaut riding a horse, by a published model.": "公開されているモデルが描いた、馬に乗る宇宙飛行士。",
    # Lab 04
    "Sixteen of the pictures that this world consists of.": "この世界にある画像のうちの 16 枚。",
    "One of the pictures at seven noise levels: hardly touched at timestep 100, hardly anything to be seen at 950.": (
        "そのうちの 1 枚に 7 段階のノイズを加えたもの。時刻 100 ではほとんど変わらず、950 ではほとんど見えません。"
    ),
    "First row: one picture under more and more noise. Below: the best guess for it and for three others. Each is the "
    "picture itself as long as only this one fits, then it melts into the mean of others that fit, and at last nearly "
    "of the whole world.": (
        "1 行目：だんだん強くなるノイズに埋もれていく 1 枚の画像。その下：その画像と、ほかの 3 枚に対する最良の推定。"
        "当てはまる画像が 1 枚しかないうちはその画像そのものですが、やがてほかの当てはまる画像との平均へ、"
        "最後にはほとんど世界全体の平均へと溶けていきます。"
    ),
    "effective number of pictures": "実質的な画像の枚数",
    "How many of the {count} pictures are still possible at each timestep, on average: one for the first half of the "
    "road, then, within a few hundred timesteps, more than half of them.": (
        "{count} 枚のうち、各時刻でまだ可能な画像の枚数（平均）。道の前半では 1 枚で、"
        "そのあと数百ステップのうちに、半分を超えます。"
    ),
    "Up to timestep {t} there is practically one picture that it may have been.": (
        "時刻 {t} までは、もとの画像の候補は実質 1 枚です。"
    ),
    "At timestep 700 the four points are one hill: all arrows lead to the middle.": (
        "時刻 700 では、4 つの点はひとつの山です。矢印はどれも真ん中へ向かいます。"
    ),
    "At timestep 350 each of the four points has a hill of its own, with watersheds in between.": (
        "時刻 350 では、4 つの点がそれぞれ自分の山を持ち、その間に境界があります。"
    ),
    "Two hundred walkers on their way from noise (grey dots) to the four points. They hardly move while the noise is "
    "strong; then each is drawn to one of the four.": (
        "ノイズ（灰色の点）から 4 つの点へ向かう 200 人。ノイズが強いうちはほとんど動かず、"
        "やがて 4 点のひとつに引き寄せられます。"
    ),
    "Arrived at each of the four points: {counts}.": "4 つの点のそれぞれに着いた人数：{counts}。",
    "The first of the twelve on its way out of the noise.": "12 枚のうちの最初の 1 枚が、ノイズから現れるまで。",
    "Twelve pictures, made of noise by denoising alone.": "ノイズ除去だけで、ノイズから作られた 12 枚の画像。",
    "Above: six of the pictures just made. Below: the nearest picture of the world. They are the same.": (
        "上：今できた画像のうちの 6 枚。下：この世界でいちばん近い画像。どちらも同じです。"
    ),
    "The largest distance of the twelve to a picture of the world: {d:.2f}.": (
        "12 枚それぞれの、この世界の画像までの距離のうち、最大のもの：{d:.2f}。"
    ),
    "yours, on its own pictures": "あなたのデノイザー、自分の画像",
    "yours, on new pictures": "あなたのデノイザー、新しい画像",
    "the network, on new pictures": "ネットワーク、新しい画像",
    "The error of three guesses at each timestep. On its own pictures the best denoiser makes hardly any until the "
    "noise is strong. On new ones its error stays, however little noise there is, and the network's falls. (Below a "
    "millionth all is drawn alike.)": (
        "3 つの推定の、各時刻での誤差。最良のデノイザーは、自分の画像に対しては、"
        "ノイズが強くなるまでほとんど間違えません。"
        "新しい画像に対しては、ノイズがどれほど少なくても誤差が残りますが、ネットワークの誤差は下がります。"
        "（100 万分の 1 より小さい値は、同じ高さに描いています。）"
    ),
    "mean squared error": "平均二乗誤差",
    "At timestep {t}: yours on its own pictures {mine:.4f}, on new ones {new:.4f}; the network on new ones "
    "{net:.4f}.": (
        "時刻 {t} での誤差：あなたのデノイザーは、自分の画像で {mine:.4f}、新しい画像で {new:.4f}。"
        "ネットワークは、新しい画像で {net:.4f}。"
    ),
    "picture": "画像",
    "clean": "元の画像",
    "noisy, x_t": "ノイズ入り x_t",
    "your denoiser": "あなたのデノイザー",
    "the network": "ネットワーク",
    "A new picture at timesteps {times}, from top to bottom. From left to right: clean, noisy, your denoiser's guess, "
    "the network's.": (
        "新しい画像。上から順に時刻 {times}。左から、元の画像、ノイズ入り、"
        "あなたのデノイザーの推定、ネットワークの推定。"
    ),
    "Above: six pictures that the network makes of the same noise. Below: the nearest picture of the world. They are "
    "not the same.": (
        "上：同じノイズからネットワークが作った 6 枚の画像。下：この世界でいちばん近い画像。同じではありません。"
    ),
    "The smallest distance of the twelve to a picture of the world: {d:.2f}.": (
        "12 枚それぞれの、この世界の画像までの距離のうち、最小のもの：{d:.2f}。"
    ),
    "That of sixteen new pictures of the same world: {d:.2f}.": "同じ世界の新しい画像 16 枚では：{d:.2f}。",
    "Mean squared error at timestep 900: yours {mine:.3f}, the most likely picture {theirs:.3f}.": (
        "時刻 900 での平均二乗誤差：あなたのデノイザーは {mine:.3f}、確率のいちばん高い画像は {theirs:.3f}。"
    ),
    "The same two hundred walkers, each heading for the most likely point.": (
        "同じ 200 人が、それぞれ確率のいちばん高い点へ向かったもの。"
    ),
    "Four pictures at three noise levels, and below each what a network of photographs sees.": (
        "4 枚の画像に 3 段階のノイズを加えたものと、その下は、写真しか知らないネットワークの推定。"
    ),
    # Lab 05
    "Twelve pictures of the world, each one coloured shape on a plain background.": (
        "この世界の画像 12 枚。どれも、無地の背景に色の付いた図形がひとつあります。"
    ),
    (
        "The picture's factor falls from 1 to {picture:.4f} over a thousand timesteps while the noise's factor rises "
        "to {noise:.2f}; they cross near timestep {crossing}."
    ): (
        "1000 ステップの間に、画像の係数は 1 から {picture:.4f} まで下がり、ノイズの係数は {noise:.2f} まで"
        "上がります。2 つの曲線は時刻 {crossing} の近くで交わります。"
    ),
    "timestep t": "時刻 t",
    "factor": "係数",
    "picture: sqrt(ac)": "画像：sqrt(ac)",
    "noise: sqrt(1 - ac)": "ノイズ：sqrt(1 - ac)",
    (
        "One picture at six noise levels: clear at timestep 0, still easy to make out at 300, a guess at 500, nothing "
        "but noise at 999."
    ): (
        "1 枚の画像に 6 段階のノイズを加えたもの。時刻 0 でははっきり見え、300 でもまだよくわかりますが、"
        "500 では推測するしかなく、999 ではノイズしか見えません。"
    ),
    "The picture that follows from a noise guess 5% off: sharp at timestep 50, unrecognisable at 900.": (
        "5% 外れたノイズの推定から求めた画像。時刻 50 でははっきりしていますが、900 では何かわかりません。"
    ),
    "Root mean square error of the picture at these timesteps: {errors}.": (
        "これらの時刻での画像の誤差（二乗平均平方根）：{errors}。"
    ),
    "How alike the vectors of seven timesteps are: each is most like itself, and mostly near ones are more alike than "
    "far ones. Look for the exceptions: there the fast hands happen to agree.": (
        "7 つの時刻のベクトルがどれくらい似ているか。自分自身にいちばん似ていて、たいていは、近いものほどよく"
        "似ています。例外を探してみましょう。そこでは、速い針の向きがたまたまそろっています。"
    ),
    "{name:15} {count:>9,} weights": "{name:15} 重み {count:>9,} 個",
    (
        "Above: one picture on its way out of the noise. Below: what the network thinks it will be. Place, colour and "
        "background follow the words from the start; the outline keeps changing for long, and not always for the "
        "better."
    ): (
        "上：ノイズから現れていく途中の 1 枚の画像。下：ネットワークが予想している完成画像。場所、色、背景は、"
        "はじめから言葉どおりです。輪郭はなかなか決まらず、変わるたびによくなるとはかぎりません。"
    ),
    "Six prompts, four in English and two in Japanese, painted by your model.": (
        "6 個のプロンプト（英語が 4 個、日本語が 2 個）で、あなたのモデルが描いた画像。"
    ),
    "Right in everything: {all:.0%} of the pictures.": "すべて注文どおり：画像の {all:.0%}。",
    "The first {count} prompts, right in everything: the zoo's model {all:.0%}, yours {yours:.0%}.": (
        "最初の {count} 個のプロンプトで、すべて注文どおりの画像：学習済みモデル集のモデルで {all:.0%}、"
        "あなたのモデルで {yours:.0%}。"
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
    "cosine": "コサイン（cosine）",
    "share of the picture's variance": "画像の分散の割合",
    (
        "How much of the picture's variance is left in x_t. The linear list falls early and fast, the cosine list "
        "slowly, with most of its timesteps in the middle."
    ): (
        "x_t に画像の分散がどれだけ残っているか。線形の列は早く急に減ります。"
        "コサインの列はゆっくり減り、ステップの多くが中ほどにあります。"
    ),
    "Less than a tenth of the picture's variance is left at {linear:.0%} of the linear list's timesteps, at "
    "{cosine:.0%} of the cosine's.": (
        "画像の分散が 10 分の 1 も残っていない時刻は、線形の列では全体の {linear:.0%}、"
        "コサインの列では {cosine:.0%} です。"
    ),
    "The picture from the velocity is off by {d:.4f}.": "速度から求めた画像の誤差：{d:.4f}。",
    "t = {t}: the velocity's error is {ratio:.2f} times the picture's; SNR + 1 is {weight:.2f}.": (
        "t = {t}：速度の誤差は画像の誤差の {ratio:.2f} 倍。SNR + 1 は {weight:.2f}。"
    ),
    "With the weights of the last step in place of their running average: {all:.0%}.": (
        "移動平均のかわりに、最後のステップの重みを使うと：{all:.0%}。"
    ),
    # Lab 06
    "Six prompts by DDPM's sampler in {steps} steps, from top to bottom: the upper rows are about equally clear, and "
    "further down things fall apart.": (
        "6 個のプロンプトを、DDPM のサンプラーで描いたもの。歩数は上から {steps} です。"
        "上のほうの段は同じくらいはっきりしていますが、下へ行くと形が崩れます。"
    ),
    "The same six prompts in {steps} steps of DDIM.": "同じ 6 個のプロンプトを、DDIM の {steps} 歩で描いたもの。",
    "DDIM and Euler differ by at most {d:.4f}.": "DDIM とオイラー法の差は、最大で {d:.4f} です。",
    "DDIM": "DDIM（新しいノイズなし）",
    "DPM++ 2M": "DPM++ 2M（2 次の多段法）",
    "Euler": "オイラー法",
    "Heun": "ホイン法",
    "The error of four walks in a world whose road is known, against the number of steps, both axes logarithmic. DDIM "
    "and Euler lie on each other; Heun and DPM++ 2M fall twice as steeply.": (
        "道がわかっている世界での、4 つの方法の誤差と歩数（どちらの軸も対数）。DDIM とオイラー法は重なっています。"
        "ホイン法と DPM++ 2M は、2 倍の傾きで減ります。"
    ),
    "steps": "歩数",
    "error": "誤差",
    "Orders measured. DDIM: {a:.2f}, Euler: {b:.2f}, Heun: {c:.2f}, DPM++ 2M: {d:.2f}.": (
        "測った次数。DDIM：{a:.2f}、オイラー法：{b:.2f}、ホイン法：{c:.2f}、DPM++ 2M：{d:.2f}。"
    ),
    "DDPM and Euler ancestral differ by at most {d:.3f}.": "DDPM と Euler ancestral の差は、最大で {d:.3f} です。",
    "Share of {count} pictures in which the reader finds what was asked for, for four samplers on two roads (rows) and "
    "numbers of network calls (columns).": (
        "{count} 枚のうち、読み取り器が注文どおりのものを見つけた画像の割合。行は 2 つの道での 4 つのサンプラー、"
        "列はネットワークを呼び出す回数。"
    ),
    "How far three walks over Karras's noise levels end from the end of the road, against the calls of the network, "
    "both axes logarithmic. With few calls DPM++ is nearest and Heun far off; then Heun approaches fastest.": (
        "Karras らのノイズの段階を通る 3 つの方法の着いた場所と、道の終わりとの距離。"
        "横軸はネットワークを呼び出す回数で、どちらの軸も対数です。"
        "呼び出しが少ないときは、DPM++ が最も近く、ホイン法は大きく外れます。"
        "そのあとは、ホイン法が最も速く近づきます。"
    ),
    "For each number of calls of the network: right, time, distance from the end of the road.": (
        "ネットワークを呼び出す回数ごとに、正解の割合、時間（s は秒）、道の終わりまでの距離。"
    ),
    "Where the steps begin, and their factors in order (of many, the first three and the last two):": (
        "出発点の sigma と、各歩の倍率（順に。多いときは、最初の 3 つと最後の 2 つ）："
    ),
    "{spacing:9} {steps:3} steps from sigma = {largest:6,.0f}: {factors}": (
        "{spacing:9} {steps:3} 歩、sigma = {largest:6,.0f} から：{factors}"
    ),
    "calls of the network": "ネットワークを呼び出す回数",
    "distance from the end of the road": "道の終わりまでの距離",
    "Two hundred walkers along the learnt velocity in fifty steps. Grey dots: where they begin. Colour and small "
    "marker: which of the four points they end nearest to. A small marker that lies loose: a walker that has not "
    "arrived.": (
        "学習した速度に沿って、50 歩で進む 200 人。灰色の点は出発点です。"
        "色と小さな印は、歩き終えたとき、4 点のうちどれにいちばん近いかを表します。"
        "どの点からも離れている小さな印は、まだ着いていない人です。"
    ),
    "The same in four steps: more have not arrived.": "同じものを 4 歩で。着いていない人が増えます。",
    "steps: {steps:2}, and on average {off:.2f} from where two hundred lead": (
        "{steps:2} 歩：200 歩で着く場所まで、平均 {off:.2f}"
    ),
    "Both steps differ by at most {d:.4f}.": "2 つの 1 歩の差は、最大で {d:.4f} です。",
    "The same six prompts in {steps} steps by two walks, a row each. One was written from memory.": (
        "同じ 6 個のプロンプトを、2 つの歩き方で {steps} 歩ずつ、1 段ずつ描いたもの。"
        "一方は、何も見ないで書かれた歩き方です。"
    ),
    "Order measured: {order:.2f}. Error with {steps} steps: {a:.4f}, and that of DPM++ 2M: {b:.6f}.": (
        "測った次数：{order:.2f}。{steps} 歩での誤差：{a:.4f}、DPM++ 2M では {b:.6f}。"
    ),
    "Four small photographs that never were, in twenty steps.": "20 歩で描いた、実在しない小さな写真 4 枚。",
}
