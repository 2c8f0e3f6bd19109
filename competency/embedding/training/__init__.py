"""Training of a static embedder: contrastive on names of the same skill, distilled from a sentence model.

The table has a row for each word and frequent pair of words, and for each bucket of character n-grams. While it is
trained, a word is its own row and those of its n-grams; the row of the word is left out now and then, so that the
n-grams learn to stand for words that nobody knows. At the end a word's rows are folded into one; a word that is only
another spelling of a name, such as k8s, gets those of the name. A layer that sees the sum of a text's rows is trained
with it: it learns what words mean together, and not each on its own.
"""

from competency.embedding.training.loop import train
from competency.embedding.training.recipe import Corpus, Recipe

__all__ = ["Corpus", "Recipe", "train"]
