"""The Japanese of what Lab 09 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_09: dict[str, str] = {
    "The colour of each class in these maps.": "これらのマップでの、それぞれのクラスの色。",
    "Eight pictures to be drawn over.": "これから描き直す 8 枚の画像。",
    "The pictures, and below, in threes, at strengths 0.4, 0.6 and 0.8: another thing, another colour, other "
    "surroundings.": (
        "いちばん上がもとの画像。その下は 3 段ずつ、強さ 0.4、0.6、0.8 で、別のもの、別の色、別の背景にしたもの。"
    ),
    "another thing": "別のもの",
    "another colour": "別の色",
    "other surroundings": "別の背景",
    "How many of {count} pictures show all that the new words ask for, against the strength. Another thing: {thing}; "
    "another colour: {color}; other surroundings: {around}.": (
        "{count} 枚のうち、新しい言葉が頼んだものをすべて描いた画像の割合と、強さ。別のもの {thing}、別の色 {color}、"
        "別の背景 {around}。"
    ),
    "strength": "強さ",
    "The holes; filled by a model that sees what is around them; filled by one that does not.": (
        "上から、穴、まわりを見ているモデルが埋めたもの、見ていないモデルが埋めたもの。"
    ),
    "as they were drawn": "もとの画像",
    "filled": "埋めた画像",
    "pasted": "貼った画像",
    "{name:20} as asked {all:4.0%}; at the edge of the hole neighbours differ by {jump:4.1f} grey levels": (
        "{name:20} 注文どおり {all:4.0%}、穴のふちでの隣どうしの差は {jump:4.1f} 階調"
    ),
    "Four pictures and their semantic maps. The captions say what there is; only the map says where.": (
        "4 枚の画像と、その意味マップ。キャプションは何があるかを言い、どこにあるかを言うのはマップだけです。"
    ),
    "As the copy sees them: {shape}.": "コピーから見た形：{shape}。",
    "The guesses differ by at most {d:.1e}.": "2 つの推定の差は、最大で {d:.1e} です。",
    "the frozen U-Net": "凍結した U-Net",
    "the copy and its layers": "コピーとその層",
    "{name:24} {count:>9,} weights": "{name:24} 重み {count:>9,} 個",
    "{name:34} overlap {iou:.2f}": "{name:34} 重なり {iou:.2f}",
    "{name:34} overlap {iou:.2f}, as told {right:4.0%}": "{name:34} 重なり {iou:.2f}、言葉どおり {right:4.0%}",
    "the pictures that the maps are of": "マップのもとの画像",
    "the base alone": "もとのモデルだけ",
    "with your ControlNet": "あなたの ControlNet 付き",
    "the maps moved": "動かしたマップ",
    "the map in the input": "マップを入力に加えた U-Net",
    "Eight maps; drawn by the base alone, which does not see them; with your ControlNet; the same with each map moved "
    "up and to the right.": (
        "上から、8 枚のマップ、マップを見ないもとのモデルが描いたもの、あなたの ControlNet を付けたもの、"
        "マップを右上に動かしたもの。"
    ),
    "A map with two squares, and what your ControlNet makes of it.": (
        "四角が 2 つあるマップと、あなたの ControlNet が描いたもの。"
    ),
    "Weights trained: {control:,} beside a frozen U-Net, and {concatenated:,}, a whole new U-Net.": (
        "学習した重みは、凍結した U-Net の横の {control:,} 個と、まるごと新しい U-Net の {concatenated:,} 個です。"
    ),
    "Before any training: the base alone; with layers of zeros; of random numbers; of larger random numbers.": (
        "学習の前。上から、もとのモデルだけ、0 の層を付けたもの、乱数の層を付けたもの、"
        "もっと大きな乱数の層を付けたもの。"
    ),
    "from {deviation}, step {step}: loss {loss:.3f}; gradients of the speaking layers {speak:.0e}, of the copy "
    "{copy:.0e}, of the last layer that looks {last:.0e}, of those before it {look:.0e}": (
        "{deviation} から、ステップ {step}：損失 {loss:.3f}、勾配は、話す層 {speak:.0e}、コピー {copy:.0e}、"
        "見る層の最後 {last:.0e}、その手前 {look:.0e}"
    ),
    "as asked": "注文どおり",
    "in the old place": "もとの場所",
    "both": "両方",
    "Another thing, and not a word about its place. As asked: {asked}; in the old place: {place}; both: {both}.": (
        "別のものを、場所を言わずに頼んだとき。注文どおり {asked}、もとの場所 {place}、両方 {both}。"
    ),
    "these through the autoencoder": "オートエンコーダを通したもの",
    "had nobody heeded the move": "動きにだれも従わなければ",
    "at scale 0": "scale が 0",
    "Eight moved maps; drawn with your ControlNet; drawn with the map in the input.": (
        "上から、動かした 8 枚のマップ、あなたの ControlNet が描いたもの、マップを入力に加えた U-Net が描いたもの。"
    ),
    "A picture with the hole that is painted on the canvas, and what fills it.": (
        "キャンバスで塗ったところが穴になった画像と、その穴を埋めたもの。"
    ),
    "Painted: {count} of {all} pixels.": "塗ったところは、{all} 画素のうち {count} 画素。",
    "An outline, the map that it becomes, and what your ControlNet draws there.": (
        "輪郭、それからできるマップ、あなたの ControlNet がそこに描いたもの。"
    ),
    "your own drawing": "自分で描いた図",
    "Six scenes, then in pairs what an ear is shown and what is drawn with it: a semantic map, a scribble, edges, "
    "poses. Last row: nobody listens.": (
        "いちばん上が 6 つのシーン。その下は 2 段ずつ、耳に見せたものと、それを聞いて描いたもの。意味マップ、落書き、"
        "輪郭、ポーズの順。いちばん下は、何も聞かずに描いたもの。"
    ),
    "Joints met by the scenes themselves: {own:.0%}; by the scenes through the autoencoder: {back:.0%}.": (
        "関節の一致。シーンそのもの：{own:.0%}、オートエンコーダを通したシーン：{back:.0%}。"
    ),
    "{name:10} met {heard:4.0%}, without it {alone:4.0%}; as told {told:4.0%}, without it {free:4.0%}": (
        "{name:10} 一致 {heard:4.0%}、なしでは {alone:4.0%}、言葉どおり {told:4.0%}、なしでは {free:4.0%}"
    ),
    "A pose; an astronaut, a robot, a chef, a Jizo statue and a snowman who were asked to take it.": (
        "左から、ポーズ、それを頼まれた宇宙飛行士、ロボット、シェフ、お地蔵さん、雪だるま。"
    ),
    "pose and edges": "ポーズと輪郭",
    "edges at half": "輪郭を半分の声で",
    "edges for a third": "輪郭を 3 分の 1 だけ",
    "The scenes; drawn by pose and edges together; by edges at half their loudness; by edges that are heard in the "
    "first third of the steps.": (
        "上から、もとのシーン、ポーズと輪郭を同時に聞いて描いたもの、輪郭を半分の声で聞いたもの、"
        "輪郭を道の最初の 3 分の 1 だけ聞いたもの。"
    ),
    "{name:20} edges met {edges:4.0%}; as told {told:4.0%}": (
        "{name:20} 輪郭の一致 {edges:4.0%}、言葉どおり {told:4.0%}"
    ),
}
