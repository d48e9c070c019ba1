"""`rfv2 presets`."""

from typing import Annotated

import typer

from rfv2_keras.errors import UserError


def list_presets(
    fetch: Annotated[str | None, typer.Option(metavar="NAME", help="Fetch this one into the cache, or `all`.")] = None,
    cache: Annotated[str | None, typer.Option(help="Folder; by default RFV2_CACHE or ~/.cache/rfv2_keras.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="Folder of the archives, if not where they were published; file:///FOLDER for your own."),
    ] = None,
):
    """List the released models that are known by name, or fetch one before it is needed."""
    from rfv2_keras.presets import PresetCache, presets

    known, place = presets(), PresetCache.from_environment(cache, base_url)
    if fetch is not None:
        wanted = list(known) if fetch == "all" else [fetch]
        if wanted[0] not in known:
            raise UserError(f"--fetch must be all or one of {', '.join(known)}; received: {fetch}.")
        for name in wanted:
            print(place.fetch(known[name]))
        return
    width = max(map(len, known))
    for name, preset in known.items():
        print(f"{name:{width}}  {'cached' if place.holds(preset) else '      '}  {preset.about}")
    print(f"cache: {place.folder}")
