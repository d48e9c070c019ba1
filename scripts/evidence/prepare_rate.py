"""How fast one core segments and tokenizes text: MB of UTF-8 per second of processor time.

    python scripts/evidence/prepare_rate.py CORPUS... --vocab vocab.txt

Reads the documents first, then gives them to what `rfv2 prepare` gives them to, several times; the first time no word
has been seen before. Processor time is that of one process, so that other work on the machine matters little.
"""

import argparse
import os
import time

from rfv2_keras.data.chunk import ChunkReader, Job
from rfv2_keras.data.corpus import cut_into_chunks, list_files
from rfv2_keras.data.tokens import DocumentTokenizer
from rfv2_keras.text import Tokenizer

DOCUMENTS_AT_ONCE = 64


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="+")
    parser.add_argument("--vocab", required=True)
    parser.add_argument("--segmenter", default="rjieba")
    parser.add_argument("--times", type=int, default=4)
    arguments = parser.parse_args()
    chunks = tuple(cut_into_chunks(list_files(arguments.corpus)))
    job = Job(None, chunks, "blocks", 512, (0.0, 1.0))
    texts = [text for chunk in range(len(chunks)) for text in ChunkReader(job, chunk, lambda size: None)]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    tokenize = DocumentTokenizer(Tokenizer(arguments.vocab), arguments.segmenter)
    print(f"{len(texts):,} documents, {megabytes:.1f} MB, {os.cpu_count()} cores")
    for number in range(arguments.times):
        begin = time.process_time()
        for first in range(0, len(texts), DOCUMENTS_AT_ONCE):
            for _ in tokenize(texts[first : first + DOCUMENTS_AT_ONCE]):
                pass
        print(f"pass {number + 1}: {megabytes / (time.process_time() - begin):.1f} MB per second of processor time")


if __name__ == "__main__":
    main()
