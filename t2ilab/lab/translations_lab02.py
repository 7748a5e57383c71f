"""The Japanese of what Lab 02 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_02: dict[str, str] = {
    "The cosine of eight sentences (rows) and eight pictures (columns). A frame marks the sentence that is nearest to "
    "each picture; where the frames run down the diagonal, each picture has found its own.": (
        "8 つの文（行）と 8 枚の画像（列）のコサイン。画像ごとに、いちばん近い文を枠で囲んでいます。"
        "枠が対角線上に並んでいれば、どの画像も自分の文を見つけたことになります。"
    ),
    "{right} of {count} pictures are nearest to their own sentence.": (
        "{count} 枚のうち {right} 枚で、自分の文がいちばん近くにあります。"
    ),
    "Never shown in training: {sentences}.": "学習では一度も見せていないもの：{sentences}。",
    "Pictures and what they were taken for. Each card shows the true label with its probability and its rank, and "
    "the four likeliest rivals; the true one has a tick.": (
        "画像と、それぞれが何に見えたか。カードには、正解のラベルとその確率、順位、"
        "そして確率の高い 4 つのライバルを示します。正解にはチェックが付いています。"
    ),
    "food": "食べ物",
    "a thing and its colour": "ものと色",
    "a place": "背景",
    "another hand": "別の画法",
    "{chance:.1%}, ranked {rank} out of {count} labels": "{chance:.1%}、{count} 個のラベル中 {rank} 位",
    "The scale is {scale:.1f}.": "スケールは {scale:.1f} です。",
    "Top-1 accuracy over {things} things for each template, on {count} pictures. From one template to the next it is "
    "the wording alone that differs. The axis does not begin at 0.": (
        "{count} 枚の画像で {things} 種類のものを見分けた、テンプレートごとの top-1 正解率。"
        "テンプレートの間で違うのは、言い方だけです。横軸は 0 から始まっていません。"
    ),
    "right at the first guess": "最良の候補が正しい割合",
    "the bare word": "単語だけ",
    "all twelve together": "12 個すべて",
    "The twelve templates one by one: {worst:.1%} to {best:.1%}. All together: {together:.1%}, give or take "
    "{margin:.1%}; top-5 {five:.1%}.": (
        "12 個のテンプレートをひとつずつ使うと {worst:.1%} から {best:.1%}。すべて使うと {together:.1%}、"
        "誤差の幅は {margin:.1%}。top-5 は {five:.1%}。"
    ),
    'One template, "a picture of ...", against the bare word: {better} answers better, {worse} worse; {gain:+.1%}, '
    "give or take {margin:.1%}.": (
        '"a picture of ..." だけを使った場合と、単語だけの場合との差：改善 {better} 枚、悪化 {worse} 枚、'
        "合わせて {gain:+.1%}（誤差の幅は {margin:.1%}）。"
    ),
    "All twelve against the bare word: {better} answers better, {worse} worse; {gain:+.1%}, give or take "
    "{margin:.1%}.": (
        "12 個すべてを使った場合と、単語だけの場合との差：改善 {better} 枚、悪化 {worse} 枚、"
        "合わせて {gain:+.1%}（誤差の幅は {margin:.1%}）。"
    ),
    "Things in their usual colours: {share:.1%} of {count} are right.": (
        "いつもの色のもの：{count} 枚のうち {share:.1%} が正解。"
    ),
    "Things in another colour: {share:.1%} of {count}.": "別の色のもの：{count} 枚のうち {share:.1%}。",
    "Things with an unusual second colour: {share:.1%} of {count}.": (
        "2 番目の色がいつもと違うもの：{count} 枚のうち {share:.1%}。"
    ),
    "Plain shapes: {share:.1%} of {count}.": "単純な図形：{count} 枚のうち {share:.1%}。",
    "The twelve hardest of {count} pictures: above each what it shows, and what it was taken for.": (
        "{count} 枚のうち、いちばん難しかった 12 枚。上の行が正解、下の行が答えです。"
    ),
    "{thing}: {share:.0%} right, most often taken for {other}": (
        "{thing}：正解率 {share:.0%}、いちばん多い間違いは {other}"
    ),
    "Top-1 accuracy over {things} things, for classes made of 1 to {most} labelled pictures each, by their mean or by "
    "a regression, and for classes made of sentences, which need no picture: a level line.": (
        "{things} 種類のものの top-1 正解率。1 枚から {most} 枚のラベル付きの画像の平均で作ったクラス、"
        "同じ画像から回帰で学習したクラス、文で作ったクラス。文には画像がいらないので、水平な線になります。"
    ),
    "labelled pictures for each class": "クラスごとのラベル付き画像の枚数",
    "means of k labelled pictures": "ラベル付き画像 k 枚の平均",
    "regression on k labelled pictures": "ラベル付き画像 k 枚による回帰",
    "sentences, no picture": "文だけ（画像なし）",
    "{k:3} of each thing: mean {mean:.1%}, regression {fitted:.1%}": (
        "{k:3} 枚ずつ：平均 {mean:.1%}、回帰 {fitted:.1%}"
    ),
    "Words alone: {words:.1%}": "言葉だけ：{words:.1%}",
    "The first number here with which the regression does as well as words: {k} of each thing.": (
        "この中で、回帰が初めて言葉と同じくらい正しくなる枚数：{k} 枚ずつ。"
    ),
    "Even with {k} of each thing the regression does not do as well as words.": (
        "{k} 枚ずつ使っても、回帰は言葉に及びません。"
    ),
    "{classes} pairs. Shown in training: top-1 {one:.1%}, top-5 {five:.1%}.": (
        "{classes} 通りの組。学習で見せた組：top-1 {one:.1%}、top-5 {five:.1%}。"
    ),
    "Never shown: top-1 {one:.1%}, top-5 {five:.1%}.": "一度も見せていない組：top-1 {one:.1%}、top-5 {five:.1%}。",
    "Never shown, the thing right: {thing:.1%}; the colour right: {color:.1%}.": (
        "一度も見せていない組のうち、ものが正しい割合：{thing:.1%}、色が正しい割合：{color:.1%}。"
    ),
    "Six pictures of pairs that no training picture showed, and above each what it was taken for.": (
        "学習の画像に一度も現れなかった組の画像 6 枚と、その上は、それぞれが何に見えたか。"
    ),
    "{classes} classes, {pictures} pictures: top-1 {one:.1%}, top-5 {five:.1%}. By chance: {chance:.2%}.": (
        "{classes} クラス、画像 {pictures} 枚：top-1 {one:.1%}、top-5 {five:.1%}。でたらめに答えると {chance:.2%}。"
    ),
    "Accuracy on the same pictures with {sizes} classes to choose from, the number of classes on a logarithmic axis.": (
        "同じ画像を {sizes} クラスから選ばせたときの正解率。横軸はクラスの数（対数）です。"
    ),
    "number of classes": "クラスの数",
    "share of pictures that are right": "正しく答えた画像の割合",
    "top-1": "top-1（最良の候補）",
    "top-5": "top-5（上位 5 つ）",
    "{classes:5} classes: top-1 {one:.1%}, top-5 {five:.1%}": "{classes:5} クラス：top-1 {one:.1%}、top-5 {five:.1%}",
    'The thing alone, "a cat": {share:.1%}': 'ものだけ（"a cat"）：{share:.1%}',
    "{ways} colours: one by one {alone:.1%}, vectors averaged {averaged:.1%}, probabilities added {added:.1%}; left "
    "over {left:.1%}": (
        "{ways} 色：ひとつずつ使うと平均 {alone:.1%}、ベクトルを平均すると {averaged:.1%}、"
        "確率を足し合わせると {added:.1%}。残り {left:.1%}"
    ),
    "{ways} places: one by one {alone:.1%}, vectors averaged {averaged:.1%}, probabilities added {added:.1%}; left "
    "over {left:.1%}": (
        "{ways} か所：ひとつずつ使うと平均 {alone:.1%}、ベクトルを平均すると {averaged:.1%}、"
        "確率を足し合わせると {added:.1%}。残り {left:.1%}"
    ),
    "On the {count} pictures of this section: the thing alone {alone:.1%}, probabilities of {ways} colours added "
    "{added:.1%}": "この節の {count} 枚：ものだけ {alone:.1%}、{ways} 色の確率を足し合わせると {added:.1%}",
    "Top-1 accuracy of published CLIPs on ImageNet, zero-shot, over the billions of operations that a picture costs. "
    "From left to right: ViT-B/32, B/16, L/14, and for LAION-2B also H/14, g/14 and bigG/14, which reaches {best}%.": (
        "公開されている CLIP の、ImageNet でのゼロショットの top-1 正解率。横軸は画像 1 枚の計算量です。"
        "左から ViT-B/32、B/16、L/14、LAION-2B ではさらに H/14、g/14、bigG/14 で、bigG/14 は {best}% に達します。"
    ),
    "billions of operations for a picture": "画像 1 枚の計算量（10 億回）",
    "right at the first guess, %": "最良の候補が正しい割合（%）",
    "Ours has {mine:,} weights; OpenAI's ViT-B/32 has 151,277,313.": (
        "このラボのモデルの重みは {mine:,} 個、OpenAI の ViT-B/32 の重みは 151,277,313 個です。"
    ),
    "Three scenes by five hands, from left to right: as in training, in pencil, in watercolours, in stones, in "
    "thread.": "3 つのシーンを 5 つの画法で描いたもの。左から、学習と同じ、色鉛筆、水彩、モザイク、刺繍。",
    "as in training": "学習と同じ",
    "pencil": "色鉛筆",
    "watercolours": "水彩",
    "mosaic": "モザイク",
    "embroidery": "刺繍",
    "Top-1 accuracy over the same things, drawn by the hand of the training pictures and by four others.": (
        "同じものを、学習の画像と同じ画法と、ほかの 4 つの画法で描いたときの top-1 正解率。"
    ),
    "The emoji are left out: {why}": "絵文字は省略します：{why}",
    "Emoji of {count} things that the storybook has, too, and above each what it was taken for.": (
        "絵本の世界にもある {count} 種類のものの絵文字と、その上は、それぞれが何に見えたか。"
    ),
    "Emoji: top-1 {one:.0%}, top-5 {five:.0%}. By chance: {chance:.0%} and {chance5:.0%}.": (
        "絵文字：top-1 {one:.0%}、top-5 {five:.0%}。でたらめに答えると {chance:.0%} と {chance5:.0%}。"
    ),
    "Emoji of {side} pixels on a page of 32: {share:.0%} right": (
        "32 画素の画像に {side} 画素の絵文字を置くと、正解率 {share:.0%}"
    ),
    "Eight things of the storybook as they are drawn (above), and enlarged until they nearly fill the picture "
    "(below).": "絵本の世界のもの 8 つ。上は描いたまま、下は画像がほぼいっぱいになるまで拡大したもの。",
    "Our own things, big and in the center: {drawn:.0%} right; enlarged until they fill the picture: {filled:.0%}.": (
        "絵本の世界のもの（中央、大きいもの）の正解率：{drawn:.0%}。画像いっぱいに拡大すると {filled:.0%}。"
    ),
    "The cosine of eight names (rows) and eight emoji (columns). A frame marks the name that is nearest to each "
    "emoji.": "8 つの名前（行）と 8 つの絵文字（列）のコサイン。絵文字ごとに、いちばん近い名前を枠で囲んでいます。",
    "{right} of {count} emoji are nearest to their own name.": (
        "{count} 個のうち {right} 個の絵文字で、自分の名前がいちばん近くにあります。"
    ),
    "Asked in Japanese: {japanese:.1%}. By chance: {chance:.1%}.": (
        "日本語で尋ねると {japanese:.1%}。でたらめに答えると {chance:.1%}。"
    ),
    "{share:.0%} of {count} pictures are nearer to the sentence in the right order, give or take {margin:.0%}. Half "
    "would be chance.": (
        "{count} 枚のうち {share:.0%}（誤差の幅は {margin:.0%}）が、正しい語順の文のほうに近くなりました。"
        "偶然でも半分は当たります。"
    ),
    "Each thing once in a batch: yours {mine:.1%}, somebody's {theirs:.1%}.": (
        "どのものもバッチに 1 枚ずつ：あなたのもの {mine:.1%}、だれかのもの {theirs:.1%}。"
    ),
    "One thing to a batch: yours {mine:.1%}, somebody's {theirs:.1%}.": (
        "1 種類だけのバッチ：あなたのもの {mine:.1%}、だれかのもの {theirs:.1%}。"
    ),
    "One picture at a time: yours {mine:.1%}, somebody's {theirs:.1%}.": (
        "1 枚ずつ：あなたのもの {mine:.1%}、だれかのもの {theirs:.1%}。"
    ),
    "What a published CLIP and your functions make of these pictures.": (
        "公開されている CLIP とあなたの関数が、これらの画像をどう見たか。"
    ),
    "The cosine of what these pictures show (rows) and the pictures (columns), by a published CLIP. A frame marks the "
    "nearest.": (
        "写っているもの（行）と画像（列）の、公開されている CLIP によるコサイン。"
        "画像ごとにいちばん近いものを枠で囲んでいます。"
    ),
}
