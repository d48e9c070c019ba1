"""What needs no neural network: TF-IDF of characters and logistic regression."""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline


def tfidf_accuracy(train, held_back):
    """Train on some reviews, and the share of others whose label is found.

    One to three characters in a row, each feature in two reviews at least; C=10 was the better of 1 and 10.
    """
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    classifier = make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000))
    classifier.fit(train.texts, train.labels)
    return float(classifier.score(held_back.texts, held_back.labels))
