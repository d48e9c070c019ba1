"""Preparing a corpus on a Ray cluster."""

import pickle

from rfv2_keras.errors import UserError


class RayEngine:
    """Does the work of `run_in_processes` with Ray Data, on all machines of a cluster.

    The corpus and the records must lie in folders that every machine sees under the same path, and this package must be
    installed on each. The records are those that one machine writes.

    Arguments:
        address: of the cluster, for example "auto" or "ray://host:10001"; None starts Ray on this machine alone.
    """

    def __init__(self, address=None):
        self._address = address

    def __call__(self, make, arguments, items, workers, progress):
        """See `run_in_processes`; `workers` defaults to the cores of the cluster."""
        if not items:
            return
        ray = _import_ray()
        started = not ray.is_initialized()
        if started:
            self._connect(ray)
        ray.data.DataContext.get_current().enable_progress_bars = False
        try:
            cores = int(ray.cluster_resources().get("CPU", 1))
            dataset = ray.data.from_items([{"item": item} for item in items], override_num_blocks=len(items))
            results = dataset.map(
                _RayWorker,
                fn_constructor_args=(make, arguments),
                compute=ray.data.ActorPoolStrategy(size=min(workers or cores, len(items))),
            )
            for row in results.iter_rows():
                size, result = pickle.loads(row["result"])
                if isinstance(result, Exception):
                    raise result
                progress(size)
                yield row["item"], result
        finally:
            if started:
                ray.shutdown()

    def _connect(self, ray):
        try:
            ray.init(address=self._address, log_to_driver=False)
        except (ConnectionError, ValueError) as error:
            raise UserError(f"no Ray cluster answers at the address {self._address!r}: {error}") from error


class _RayWorker:
    """One worker: what `make` makes, applied to rows of the data set."""

    def __init__(self, make, arguments):
        self._function = make(*arguments)

    def __call__(self, row):
        sizes = []
        try:
            result = self._function(row["item"], sizes.append)
        except (UserError, OSError) as error:  # Ray would wrap it in errors of its own
            result = error
        # Ray's tables have types of their own, pickled bytes come back as they were.
        return {"item": row["item"], "result": pickle.dumps((sum(sizes), result))}


def _import_ray():
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UserError(f"the Ray engine needs Ray Data, run: pip install 'rfv2-keras[ray]' ({error})") from error
    return ray
