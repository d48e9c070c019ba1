"""`ViterbiDecoder`: the best path for one sequence."""

import numpy as np

from rfv2_keras.layers.viterbi import viterbi_decode


class ViterbiDecoder:
    """Base of decoders that turn scores of labels into labels; `rfv2_keras.layers.viterbi` does whole batches.

    Unlike that of bert4keras, `decode` leaves its argument as it is.

    Args:
        trans: (labels, labels), scores of a label being followed by another; may be replaced at any time.
        starts: labels that may stand first; None allows all.
        ends: labels that may stand last; None allows all.
    """

    def __init__(self, trans, starts=None, ends=None):
        self.trans = trans
        self.num_labels = len(trans)
        self.starts = starts
        self.ends = ends

    def decode(self, nodes):
        """The labels of the best path, (length,).

        Args:
            nodes: (length, labels), scores.
        """
        return viterbi_decode(np.asarray(nodes)[None], self.trans, self.starts, self.ends)[0]
