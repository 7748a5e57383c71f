"""The Japanese of what Lab 10 prints and draws, as `translations.JAPANESE` has it for all labs."""

LAB_10: dict[str, str] = {
    "The three prompts, drawn by the zoo's model as it is.": "3 つのプロンプト。zoo のモデルが、そのまま描いたもの。",
    "Sixteen of the 416 monsters.": "416 枚のモンスターのうちの 16 枚。",
    "Colours read in drawings of pairs that the reader never saw: {drawn:.0%} right; in the same through the model's "
    "autoencoder: {back:.0%}.": (
        "読み取り器が見たことのない色の組の絵で、正しく読めた色：{drawn:.0%}。"
        "同じ絵をモデルのオートエンコーダに通すと：{back:.0%}。"
    ),
    "the base": "もとのモデル",
    "full fine-tuning": "全体のファインチューニング",
    "LoRA of rank {rank}": "ランク {rank} の LoRA",
    "LoRA of rank {rank}, shorter": "ランク {rank} の LoRA（短い学習）",
    "LoRA at half": "半分の強さの LoRA",
    "{name:36} distance {distance:5.2f}, colours {colors:4.0%}, old prompts {old:4.0%}": (
        "{name:36} 距離 {distance:5.2f}、色 {colors:4.0%}、以前のプロンプト {old:4.0%}"
    ),
    "The three prompts: as the base draws them, and after {steps} steps.": (
        "3 つのプロンプト。上から、もとのモデルと、{steps} ステップのあと。"
    ),
    "Distance of the same drawings through the autoencoder: {back:.2f}; of the two halves of them: {halves:.2f}.": (
        "オートエンコーダを通した同じ絵との距離：{back:.2f}。2 つに分けた絵どうしの距離：{halves:.2f}。"
    ),
    "Of the base's distance to the drawings, {gone:.0%} is gone.": (
        "もとのモデルから絵までの距離のうち、{gone:.0%} がなくなりました。"
    ),
    "Eight monsters of pairs of colours that no lesson had: drawn by the course; by the base from their captions; by "
    "the model that you trained.": (
        "教材になかった色の組のモンスター 8 匹。上から、コースが描いた絵、"
        "そのキャプションからもとのモデルが描いたもの、あなたが学習させたモデルが描いたもの。"
    ),
    "Of {whole:,} numbers, {few:,} learn: {share:.1%}.": (
        "{whole:,} 個のパラメータのうち、学習するのは {few:,} 個、{share:.1%} です。"
    ),
    "A new adapter changes a guess by {d:.1e}.": "作ったばかりのアダプタで変わる推定の大きさは {d:.1e} です。",
    "The three prompts, drawn by the base and with the adapter; three monsters by full fine-tuning, and the same three "
    "with the adapter.": (
        "上から、3 つのプロンプトをもとのモデルで描いたもの、アダプタを付けて描いたもの。"
        "次に、全体のファインチューニングによるモンスター 3 匹と、同じ 3 匹をアダプタで描いたもの。"
    ),
    "The three prompts with the adapter at strength {strengths}.": (
        "3 つのプロンプトを、アダプタの強さを変えて描いたもの。左から {strengths}。"
    ),
    "Off, its guess differs from the base's by {d:.1e}.": "強さ 0 では、もとのモデルとの推定の差は {d:.1e} です。",
    "Merged and unmerged agree in float64: {small}.": "float64 で、まとめる前とあとが一致するか：{small}。",
    "Adapted, it holds {many:,} numbers; merged, {few:,}.": (
        "アダプタ付きでは {many:,} 個のパラメータ、まとめると {few:,} 個です。"
    ),
    "Six monsters, drawn with adapters of rank {ranks}, from top to bottom.": (
        "モンスター 6 匹を、ランクの違うアダプタで描いたもの。上から {ranks}。"
    ),
    "monsters": "モンスター",
    "without colour": "色なし",
    "both": "両方",
    "{name:20} distance of its monsters {distance:5.2f}, their saturation {saturation:.2f}": (
        "{name:20} モンスターの距離 {distance:5.2f}、鮮やかさ {saturation:.2f}"
    ),
    "The three prompts with the adapter of the monsters; with that without colour; with both.": (
        "3 つのプロンプト。上から、モンスターのアダプタ、色なしのアダプタ、両方を付けて描いたもの。"
    ),
    "{file}: {small:,.0f} kB, beside a base of {large:,.0f} kB.": (
        "{file}：{small:,.0f} kB。もとのモデルは {large:,.0f} kB です。"
    ),
    "Their guess with your adapter differs from yours by {d:.1e} of its largest number.": (
        "あなたのアダプタを付けた diffusers の推定とあなたの推定の差は、いちばん大きな数の {d:.1e} 倍です。"
    ),
    "The five pictures of the pet.": "ペットの 5 枚の画像。",
    "Of its five pictures, the reader of pets recognises {share:.0%}.": (
        "5 枚の画像のうち、ペットの読み取り器が見分けたのは {share:.0%} です。"
    ),
    "Of other monsters: {share:.0%}.": "ほかのモンスターでは {share:.0%} です。",
    "{name:36} the pet with its word {there:4.0%}, without it {elsewhere:4.0%}, old prompts {old:4.0%}": (
        "{name:36} 言葉ありのペット {there:4.0%}、言葉なし {elsewhere:4.0%}、以前のプロンプト {old:4.0%}"
    ),
    "DreamBooth without the prior": "事前保存なしの DreamBooth",
    "DreamBooth": "事前保存ありの DreamBooth",
    "With the new word: by the base, by DreamBooth without the prior, and with it. The kitchen, the sunset and the "
    "dark were in none of the five pictures.": (
        "新しい言葉を使って描いたもの。上から、もとのモデル、事前保存なしの DreamBooth、事前保存ありの DreamBooth。"
        "台所と夕焼けと暗い背景は、5 枚のどれにもありませんでした。"
    ),
    "Rows that moved: {moved} of {rows:,}.": "動いた行：{rows:,} 行のうち {moved} 行。",
    "a word for the base": "もとのモデルの言葉",
    "a word for the model of monsters": "モンスターのモデルの言葉",
    "With the new word, for the base and for the model that you trained on monsters; all else is frozen.": (
        "新しい言葉を使って描いたもの。上はもとのモデル、下はあなたがモンスターで学習させたモデル。ほかはすべて凍結。"
    ),
    "textual inversion": "新しい言葉ひとつ（textual inversion）",
    "{name:24} learns {numbers:>9,} numbers, saved in {saved:>8,.1f} kB; in memory: gradients and optimizer "
    "{learning:>8,.1f} kB, for the backward pass {backward:>8,.0f} kB": (
        "{name:24} 学習するパラメータ {numbers:>9,} 個、保存 {saved:>8,.1f} kB。メモリは、勾配とオプティマイザ "
        "{learning:>8,.1f} kB、逆伝播 {backward:>8,.0f} kB"
    ),
    "The monster that Stable Diffusion was shown.": "Stable Diffusion に見せたモンスター。",
    "sound": "正常なもの",
    "faulty": "壊れたもの",
    "{name}: loss of the last half {loss:.3f}": "{name}：後半の損失 {loss:.3f}",
    "Eight drawn monsters; from their captions, by the sound adapter and by the faulty one.": (
        "上から、モンスターの絵 8 枚、そのキャプションから正常なアダプタが描いたもの、壊れたアダプタが描いたもの。"
    ),
}
