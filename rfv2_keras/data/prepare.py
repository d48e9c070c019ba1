"""From a corpus of text to records of token ids: `prepare`."""

import hashlib
import os
import pickle
import shutil
from pathlib import Path

import numpy as np

from rfv2_keras.data.chunk import DigestWriter, Job, ShardWriter
from rfv2_keras.data.corpus import cut_into_chunks, list_files
from rfv2_keras.data.documents import TEXT_DOCUMENTS
from rfv2_keras.data.duplicates import later_copies
from rfv2_keras.data.files import read_json, write_array, write_json, written_whole
from rfv2_keras.data.records import FORMAT, INDEX, LENGTHS, VOCABULARY
from rfv2_keras.data.workers import run_in_processes
from rfv2_keras.errors import UserError
from rfv2_keras.progress import ByteProgress
from rfv2_keras.text.segmentation import word_segmenter
from rfv2_keras.text.tokenizer import Tokenizer
from rfv2_keras.text.vocabulary import save_vocab

COUNTS = ("records", "documents", "tokens", "words", "text_bytes", "copies", "outside", "empty", "broken")
ERRORS_KEPT = 1000


def prepare(
    corpus_paths,
    vocab_path,
    out_dir,
    *,
    workers=None,
    maxlen=512,
    segmenter="rjieba",
    do_lower_case=True,
    text_documents="blocks",
    portion=(0.0, 1.0),
    part=None,
    engine=run_in_processes,
    progress=True,
):
    """Clean, segment, tokenize and cut a corpus once, and write it as random-access records.

    The corpus is cut into chunks (`cut_into_chunks`), and every chunk becomes one shard in two passes: first the
    digests of all documents are taken, so that every process knows which documents are copies of earlier ones; then
    each chunk is worked on by itself. So the bytes written do not depend on the number of workers or machines, nor on
    whether the work was interrupted: the same call continues where it stopped.

    With `part` several machines that share `out_dir` each write their part of the shards; whoever comes last writes the
    index. A part that starts before others have taken digests takes them itself, so parts may run at any time and in
    any order. Without a shared folder, copy all folders into one and call `prepare` again without `part`.

    Arguments:
        corpus_paths: files, directories and patterns, see `list_files` and `DocumentReader`.
        vocab_path: vocabulary file.
        out_dir: folder of the records.
        workers: int, processes; default: one per available core.
        maxlen: int, tokens in a row of a batch, [CLS] and [SEP] included; pieces have at most `maxlen` - 2 tokens.
        segmenter: as for `word_segmenter`.
        do_lower_case: bool, as the model's tokenizer will be used.
        text_documents: `"blocks"` or `"lines"`, what a document is in plain text.
        portion: pair of floats 0 <= begin < end <= 1; a document belongs to the portion that its digest, read as a
            fraction, lies in: (0, 0.01) and (0.01, 1) are a held-out set and its training set, with no common document.
        part: "i/n" with 1 <= i <= n, or None for everything.
        engine: function with the arguments of `run_in_processes`, which gives the work to processes.
        progress: bool, show progress on standard error; broken lines are reported in any case.

    Returns:
        dict: `shards` in all, `finished` among them, and over the finished ones the counts `records`, `documents`,
        `tokens`, `words`, `text_bytes`, and of what was left out `copies`, `outside` (of the portion) and `empty`
        (documents) and `broken` (lines); `errors`, the places of the first broken lines.

    Raises:
        UserError: a path, option, or the content of `out_dir` does not fit.
    """
    if not (isinstance(maxlen, int) and 8 <= maxlen <= 2**16):
        raise UserError(f"maxlen must be a whole number of tokens from 8 to {2**16}, received {maxlen!r}")
    if text_documents not in TEXT_DOCUMENTS:
        raise UserError(f"text_documents must be one of {', '.join(TEXT_DOCUMENTS)}, received {text_documents!r}")
    if not 0 <= portion[0] < portion[1] <= 1:
        raise UserError(f"portion must be (begin, end) with 0 <= begin < end <= 1, received {portion!r}")
    index, parts = _parse_part(part)
    tokenizer = Tokenizer(vocab_path, do_lower_case=do_lower_case)
    files = list_files(corpus_paths)
    job = Job(Path(out_dir), tuple(cut_into_chunks(files)), text_documents, maxlen, tuple(portion))
    plan = _plan(files, tokenizer, _checked_segmenter(segmenter, workers), job)
    try:
        if not _is_finished(job, plan):
            mine = [chunk for chunk in range(len(job.chunks)) if chunk % parts == index]
            _write_shards(job, mine, tokenizer, segmenter, engine, workers, progress)
            _finish(job, plan, tokenizer, keep_work=parts > 1)
    except OSError as error:
        raise UserError(f"{out_dir}: the records cannot be written: {error}") from error
    return _summary(job)


def _parse_part(part):
    if part is None:
        return 0, 1
    index, slash, parts = str(part).partition("/")
    if not (slash and index.isdecimal() and parts.isdecimal() and 1 <= int(index) <= int(parts)):
        raise UserError(f"part must be 'i/n' with 1 <= i <= n, for example '2/8', received {part!r}")
    return int(index) - 1, int(parts)


def _checked_segmenter(segmenter, workers):
    """The segmenter's name."""
    segmenter = word_segmenter(segmenter)
    try:
        pickle.dumps(segmenter)
    except Exception as error:
        if workers != 1:
            raise UserError(
                f"the word segmenter {segmenter.name} cannot be sent to worker processes ({error}); define it at the "
                "top level of a module, or use one worker"
            ) from error
    return segmenter.name


def _plan(files, tokenizer, segmenter, job):
    """What the records depend on, in values of JSON."""
    listing = "".join(f"{size}\t{os.path.basename(path)}\n" for path, size in files)
    return {
        "format": FORMAT,
        "maxlen": job.maxlen,
        "vocab_sha256": tokenizer.vocab_hash,
        "vocab_size": tokenizer.vocab_size,
        "tokenizer": tokenizer.settings,
        "segmenter": segmenter,
        "text_documents": job.text_documents,
        "portion": list(job.portion),
        "special_ids": {name: getattr(tokenizer, f"{name}_id") for name in ("pad", "unk", "start", "end", "mask")},
        "corpus": {
            "files": len(files),
            "bytes": sum(size for _, size in files),
            "sha256_of_names_and_sizes": hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest(),
        },
    }


def _is_finished(job, plan):
    """Whether all was written before; refuses a folder that holds other records."""
    begun, index = job.work / "plan.json", job.folder / INDEX
    for path in filter(Path.exists, (index, begun)):
        known = read_json(path)
        differing = [key for key in plan if known.get(key) != plan[key]]
        if differing:
            key = differing[0]
            raise UserError(
                f"{job.folder} holds records that were made otherwise: their {key} is {known.get(key)}, now it is "
                f"{plan[key]}; choose another folder or delete this one"
            )
    if index.exists():
        return True
    begun.parent.mkdir(parents=True, exist_ok=True)
    write_json(begun, plan)
    return False


def _write_shards(job, mine, tokenizer, segmenter, engine, workers, progress):
    pending = [chunk for chunk in mine if not _is_written(job, chunk)]
    if not pending:
        return
    # Whether a document is a copy depends on the chunks before it. My own come first, for other parts take theirs.
    earlier = sorted(range(max(pending) + 1), key=lambda chunk: (chunk not in pending, chunk))
    missing = [chunk for chunk in earlier if not job.digests(chunk).exists()]
    with ByteProgress("finding copies", _bytes(job, missing), progress) as bar:
        for _ in engine(DigestWriter, (job,), missing, workers, bar.advance):
            pass
    copies = later_copies([np.load(job.digests(chunk), mmap_mode="r") for chunk in range(max(pending) + 1)])
    for chunk in pending:
        write_array(job.copies(chunk), copies[chunk])
    with ByteProgress("writing records", _bytes(job, pending), progress) as bar:
        for _, summary in engine(ShardWriter, (job, tokenizer, segmenter), pending, workers, bar.advance):
            for error in summary["errors"]:
                bar.print(f"left out: {error}")
            if summary["broken"] > len(summary["errors"]):
                bar.print(f"left out: {summary['broken'] - len(summary['errors'])} more broken lines near these")


def _is_written(job, chunk):
    if not job.summary(chunk).exists():
        return False
    shard = job.shard(chunk)
    return shard.exists() and shard.stat().st_size == read_json(job.summary(chunk))["bytes"]


def _bytes(job, chunks):
    return sum(span.size for chunk in chunks for span in job.chunks[chunk])


def _finish(job, plan, tokenizer, keep_work):
    """Write vocabulary, lengths and, last of all, the index, if all shards are there."""
    chunks = range(len(job.chunks))
    if not all(_is_written(job, chunk) for chunk in chunks):
        return
    summaries = [read_json(job.summary(chunk)) for chunk in chunks]
    totals = _totals(summaries)
    if not totals["records"]:
        raise UserError(
            f"{job.folder}: the corpus gave no records: {totals['empty']} documents are empty and "
            f"{totals['broken']} lines broken"
        )
    with written_whole(job.folder / VOCABULARY, job.work) as temporary:
        save_vocab(temporary, tokenizer.token_dict)
    write_array(job.folder / LENGTHS, np.concatenate([np.load(job.lengths(chunk)) for chunk in chunks]), job.work)
    shards = [{key: summary[key] for key in ("file", "records", "tokens", "bytes", "sha256")} for summary in summaries]
    write_json(job.folder / INDEX, {**plan, **totals, "shards": shards}, job.work)
    if not keep_work:
        shutil.rmtree(job.work)


def _totals(summaries):
    totals = {name: sum(summary[name] for summary in summaries) for name in COUNTS}
    return {**totals, "errors": [error for summary in summaries for error in summary["errors"]][:ERRORS_KEPT]}


def _summary(job):
    if (job.folder / INDEX).exists():
        index = read_json(job.folder / INDEX)
        shards = len(index["shards"])
        return {"shards": shards, "finished": shards, **{key: index[key] for key in (*COUNTS, "errors")}}
    summaries = [read_json(job.summary(chunk)) for chunk in range(len(job.chunks)) if _is_written(job, chunk)]
    return {"shards": len(job.chunks), "finished": len(summaries), **_totals(summaries)}
