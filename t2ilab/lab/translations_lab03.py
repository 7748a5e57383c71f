"""The Japanese of what Lab 03 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_03: dict[str, str] = {
    # The crawl and its filter
    "Sixteen pictures as a crawler found them, numbered from 1 to 16.": (
        "クローラが見つけた 16 枚の画像。1 から 16 までの番号を付けてあります。"
    ),
    "The text of another picture: {numbers}.": "別の画像の文：{numbers}。",
    "A text that says nothing: {numbers}.": "何も語らない文：{numbers}。",
    "A caption with noise around it: {numbers}.": "キャプションに余計な語が付いたもの：{numbers}。",
    "Near copies of an earlier picture: {numbers}.": "前に出てきた画像とほとんど同じもの：{numbers}。",
    "How the cosines of pictures and their texts are spread, for pairs that fit, for texts of other pictures, and for "
    "texts that say nothing: one curve for each.": (
        "画像と文のコサインの分布。合っている組、別の画像の文、何も語らない文を、それぞれ 1 本の線で示しています。"
    ),
    "cosine of picture and text": "画像と文のコサイン",
    "share of these pairs": "それぞれの組の中での割合",
    "its own caption": "自分のキャプション",
    "the text of another picture": "別の画像の文",
    "a text that says nothing": "何も語らない文",
    "Threshold {tau:4.1f}: {kept} of {count} pairs stay. Precision {p:.1%}, recall {r:.1%}.": (
        "しきい値 {tau:4.1f}：{count} 組のうち {kept} 組が残ります。適合率 {p:.1%}、再現率 {r:.1%}。"
    ),
    "Precision and recall of the filter against its threshold, as far as any pair is kept.": (
        "選別の適合率と再現率を、しきい値に対して描いたもの。組が 1 つでも残るところまでです。"
    ),
    "threshold": "しきい値",
    "share": "割合",
    "precision": "適合率",
    "recall": "再現率",
    "Above: the four pictures with another's text that the filter likes best. Below: the four with their own that it "
    "likes least. The cosine stands above each.": (
        "上：別の画像の文が付いているのに、コサインがいちばん高い 4 枚。"
        "下：自分の文が付いているのに、いちばん低い 4 枚。それぞれの上の数がコサインです。"
    ),
    "Of the fitting captions {plain:.1%} stay; of those with noise around them {around:.1%}.": (
        "合っているキャプションのうち {plain:.1%} が残り、余計な語の付いたものでは {around:.1%} が残ります。"
    ),
    # Copies
    "Above: pictures of the crawl. Below: a near copy of each, as another page shows it.": (
        "上：集めた画像。下：それぞれとほとんど同じ、別のページの画像。"
    ),
    "Cosine {cut}: {found:.1%} of the copies are dropped, and {lost:.1%} of the others.": (
        "コサイン {cut}：複製の {found:.1%} と、そのほかの画像の {lost:.1%} を捨てます。"
    ),
    "What is dropped at each threshold of the cosine, of the copies and of the other pictures: the higher the "
    "threshold, the fewer, of both.": (
        "コサインのしきい値ごとの、捨てられた画像の割合。しきい値が高いほど、複製も、そのほかの画像も、"
        "捨てられにくくなります。"
    ),
    "copies that are dropped": "捨てた複製",
    "others that are dropped": "捨てたそのほかの画像",
    "Above: four pictures that are no copies, and yet are very much like an earlier one, which stands below. The "
    "cosine is above each.": (
        "上：複製ではないのに、前の画像にとてもよく似ている 4 枚。下：その前の画像。上の数がコサインです。"
    ),
    "{crawled} pairs were crawled, {fit} passed the filter, and {left} are left without copies.": (
        "集めたのは {crawled} 組、選別を通ったのは {fit} 組、複製を除いて残ったのは {left} 組です。"
    ),
    "Of {count} test pictures {leaked} are near copies of training pictures. Your function drops {found} of these "
    "{leaked}, and {more} others.": (
        "{count} 枚のテスト用の画像のうち、{leaked} 枚は学習用の画像とほとんど同じものです。"
        "あなたの関数は、その {leaked} 枚のうち {found} 枚と、そのほかの {more} 枚を捨てます。"
    ),
    "Above: test pictures that leak and that your function lets stay. Below: the same picture among the training "
    "pictures. The cosine is above each.": (
        "上：学習用の画像と同じものなのに、あなたの関数が残したテスト用の画像。下：学習用の、同じ画像。"
        "上の数がコサインです。"
    ),
    # Search, in two languages
    "{right} of the eight are right, of {all} such pictures on the shelf. Scores of the right ones: {good}; of the "
    "wrong ones: {bad}.": (
        "棚には正しい画像が {all} 枚あり、この 8 枚のうち {right} 枚が正解です。"
        "スコアは、正しいもの {good}、間違ったもの {bad}。"
    ),
    "{things} single words: {one:.1%} of the first pictures show the thing, and {eight:.1%} of the first eight. By "
    "chance: {chance:.1%}.": (
        "{things} 個の単語だけで検索したとき、そのものが描かれている割合：1 位の画像 {one:.1%}、"
        "上位 8 枚 {eight:.1%}。でたらめに選ぶと {chance:.1%}。"
    ),
    "English, R@{k}: {share:.1%} of {count}. By chance: {chance:.1%}.": (
        "英語、R@{k}：{count} 枚で {share:.1%}。でたらめに選ぶと {chance:.1%}。"
    ),
    'Above: the eight pictures that fit "{english}" best. Below: the eight that fit "{japanese}" best.': (
        "上：「{english}」にいちばん合う 8 枚。下：「{japanese}」にいちばん合う 8 枚。"
    ),
    'The eight emoji that fit best: above "{english}", in the middle "{japanese}" before the training, below '
    '"{japanese}" after it.': (
        "いちばん合う 8 個の絵文字。上：「{english}」。中：学習前の「{japanese}」。下：学習後の「{japanese}」。"
    ),
    "{things} words, the thing among the first eight: English {en:.1%}, Japanese {ja:.1%}, by chance {chance:.1%}.": (
        "{things} 個の単語で検索した上位 8 枚のうち、そのものが描かれている割合："
        "英語 {en:.1%}、日本語 {ja:.1%}、でたらめに選ぶと {chance:.1%}。"
    ),
    "R@1: English {en:.1%}, Japanese {ja:.1%}, by chance {chance:.1%}.": (
        "R@1：英語 {en:.1%}、日本語 {ja:.1%}、でたらめに選ぶと {chance:.1%}。"
    ),
    "{things} Japanese words, the thing among the first eight: before {before:.1%}, after {after:.1%}; English "
    "{en:.1%}.": (
        "{things} 個の日本語の単語で検索した上位 8 枚のうち、そのものが描かれている割合："
        "学習前 {before:.1%}、学習後 {after:.1%}。英語では {en:.1%}。"
    ),
    "R@1 in Japanese: before {before:.1%}, after {after:.1%}; English {en:.1%}.": (
        "日本語での R@1：学習前 {before:.1%}、学習後 {after:.1%}。英語では {en:.1%}。"
    ),
    # Data or architecture
    "{count} pairs as they were crawled:": "集めたままの {count} 組：",
    "As many that passed the filter:": "選別を通った、同じ数の組：",
    "As many that passed it, without copies:": "選別を通り、複製でもない、同じ数の組：",
    "  of these pairs {faulty:.1%} do not fit, {copies:.1%} are copies": (
        "  合っていない組 {faulty:.1%}、複製 {copies:.1%}"
    ),
    "By chance: R@1 {one:.1%}, R@10 {ten:.1%}.": "でたらめに選ぶと、R@1 {one:.1%}、R@10 {ten:.1%}。",
    "An image encoder of {weights:,} weights:": "重みが {weights:,} 個の画像エンコーダ：",
    "{number:5} different pairs: {runs}": "異なる組が {number:5} 個：{runs}",
    "By chance: {share:.1%}.": "でたらめに選ぶと {share:.1%}。",
    "Share of pictures of scenes outside the training set whose shape and colour are named right (mean of the runs), "
    "against the number of different training pairs, on a logarithmic axis, for an image encoder and one with four "
    "times as many weights.": (
        "学習用の画像に出てこないシーンの画像のうち、形と色を正しく答えた割合（学習を繰り返した平均）。"
        "横軸は学習で見た異なる組の数（対数）、線は、画像エンコーダと、その 4 倍の重みを持つものです。"
    ),
    "different pairs": "異なる組の数",
    "shape and colour right": "形と色が正しい割合",
    "small encoder": "小さなエンコーダ",
    "large encoder": "大きなエンコーダ",
    "by chance": "でたらめに選んだ場合",
    "{number} pictures of 64 scenes: {few:.1%}; as many of all training scenes: {all:.1%}; {less} of them: "
    "{first:.1%}.": (
        "64 通りのシーンの {number} 枚では {few:.1%}。"
        "学習用のあらゆるシーンの同じ枚数では {all:.1%}、そのうち {less} 枚だけでは {first:.1%}。"
    ),
    # Break it, and the published model
    "Kept at {tau:.2f}: {en:.1%} of the English pairs, {ja:.1%} of the Japanese.": (
        "しきい値 {tau:.2f} で残る割合：英語の組 {en:.1%}、日本語の組 {ja:.1%}。"
    ),
    "Kept at {tau:.2f}: 90% of the Japanese pairs, and of the crawl {wrong:.1%} of the texts of other pictures and "
    "{empty:.1%} of those that say nothing.": (
        "しきい値 {tau:.2f} で残る割合：日本語の組 90%、そして、集めたもののうち、"
        "別の画像の文 {wrong:.1%}、何も語らない文 {empty:.1%}。"
    ),
    "LAION's threshold of 0.3 keeps {kept} of {count}.": (
        "LAION のしきい値 0.3 では、{count} 組のうち {kept} 組が残ります。"
    ),
}
