"""The exercises of Lab 10: to teach a trained model something new with few numbers, and to forget little."""

from t2ilab.lab.bank.lab10_fine_tuning.lora import LORA_LINEAR
from t2ilab.lab.bank.lab10_fine_tuning.merging import MERGE_LORA
from t2ilab.lab.bank.lab10_fine_tuning.prior import PRIOR_PRESERVATION_LOSS
from t2ilab.lab.bank.lab10_fine_tuning.token import TOKEN_ONLY_GRADIENT

EXERCISES = (LORA_LINEAR, MERGE_LORA, PRIOR_PRESERVATION_LOSS, TOKEN_ONLY_GRADIENT)
