"""`python -m app.sandbox --port 8081 --data DIR`; every option is also TRIPCORD_SANDBOX_<NAME>."""

import asyncio
import signal
from pathlib import Path

import click
import uvloop

from app.sandbox.limits import Limits
from app.sandbox.service import NotLoopback, Options, Sandbox


@click.command(context_settings={"auto_envvar_prefix": "TRIPCORD_SANDBOX", "show_default": True})
@click.option("--host", default="127.0.0.1", help="Loopback address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, help="0 takes a free one.")
@click.option("--seed", type=int, default=1, help="Sizes in the books.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the snapshot; without it everything ends with the process.",
)
@click.option("--weight-limit", type=click.IntRange(0), default=6_000, help="Per minute; 0: none.")
@click.option("--order-limit", type=click.IntRange(0), default=50, help="Per 10 s; 0: none.")
@click.option("--day-limit", type=click.IntRange(0), default=160_000, help="Orders a day; 0: none.")
def main(
    *,
    host: str,
    port: int,
    seed: int,
    data: Path | None,
    weight_limit: int,
    order_limit: int,
    day_limit: int,
) -> None:
    """Run the sandbox venue until it is interrupted."""
    limits = Limits(weight_limit, order_limit, day_limit)
    try:
        sandbox = Sandbox(Options(host=host, port=port, seed=seed, data=data, limits=limits))
    except NotLoopback as refused:
        raise click.BadParameter(str(refused), param_hint="--host") from refused
    uvloop.run(run(sandbox))


async def run(sandbox: Sandbox) -> None:
    """Serve until SIGINT or SIGTERM, then write the last snapshot."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with sandbox:
        click.echo(f"sandbox venue on {sandbox.url}")
        await stopped.wait()


if __name__ == "__main__":
    main()
