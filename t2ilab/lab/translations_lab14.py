"""The Japanese of what Lab 14 and the figures of comparisons print and draw, as `translations.JAPANESE` has it."""

LAB_14: dict[str, str] = {
    "words": "言葉",
    "labels": "ラベル",
    "nothing": "なし",
    "the world itself": "世界そのもの",
    "{name:18} hears {hears:8} draws {size} pixels a side, holds {parameters:>9,} numbers": (
        "{name:18} 聞くもの：{hears:8} 1 辺 {size} 画素、{parameters:>9,} 個のパラメータ"
    ),
    "Pictures of the same six prompts, a row for each entrant. Those that hear nothing answer no prompt.": (
        "同じ 6 つのプロンプトの画像を、参加者ごとに 1 行。何も聞かない参加者は、プロンプトに答えていません。"
    ),
    "{name:18} hears nothing, so there is nothing to be faithful to": "{name:18} 何も聞かないので、従うものがない",
    "{name:18} {share:6.1%} of its pictures as asked": "{name:18} 画像の {share:6.1%} が頼んだとおり",
    "{name:18} {share:6.1%} of {count} pairs occur": "{name:18} {share:6.1%} が現れた（{count} 組のうち）",
    "{name:18} FID {fid:7.2f}  KID {kid:7.3f}  precision {precision:4.0%}  recall {recall:4.0%}": (
        "{name:18} FID {fid:7.2f}  KID {kid:7.3f}  適合率 {precision:4.0%}  再現率 {recall:4.0%}"
    ),
    "FID": "FID（フレシェ距離）",
    "KID": "KID（カーネル距離）",
    "FID and KID between two heaps of the world's own pictures, which differ in nothing, against the number of "
    "pictures in each. At {numbers} pictures: FID {fid}, KID {kid}.": (
        "世界そのものが描いた、何も違わない 2 つの山のあいだの FID と KID。横軸は、それぞれの枚数。"
        "{numbers} 枚のとき、FID {fid}、KID {kid}。"
    ),
    "pictures in each heap": "それぞれの山の枚数",
    "distance": "距離",
    "From {few} pictures to {many}, the FID of the world to itself falls from {first:.1f} to {last:.1f}.": (
        "{few} 枚から {many} 枚に増やすと、世界から世界自身への FID は {first:.1f} から {last:.1f} に下がります。"
    ),
    "Your figures and those of t2ilab compare differ by at most {largest:.0e}.": (
        "あなたの数と t2ilab compare の数の差は、最大でも {largest:.0e} です。"
    ),
    "Faithfulness against the seconds that a picture takes; to the upper left is better. Of each model:": (
        "1 枚にかかる秒数と忠実度。左上ほどよい。それぞれのモデルは："
    ),
    "seconds a picture": "1 枚あたりの秒数",
    "Precision against recall; to the upper right is better. Of each model:": (
        "再現率と適合率。右上ほどよい。それぞれのモデルは："
    ),
    "recall: real pictures that it could draw": "再現率：描けそうな本物の画像",
    "precision: its pictures that could be real": "適合率：本物でもおかしくない画像",
    "Two prompts of this world, drawn by a published model.": (
        "この世界の 2 つのプロンプトを、公開されているモデルが描いたもの。"
    ),
}
