"""The exercises of Lab 11: from a text's embedding to a picture's, and what can be done in that space."""

from t2ilab.lab.bank.lab11_dalle2.choosing import BEST_OF
from t2ilab.lab.bank.lab11_dalle2.loss import PRIOR_LOSS
from t2ilab.lab.bank.lab11_dalle2.ranking import RERANK
from t2ilab.lab.bank.lab11_dalle2.turning import SLERP

EXERCISES = (PRIOR_LOSS, BEST_OF, SLERP, RERANK)
