"""Where the mock listens, and what makes its certificate believed."""

from pathlib import Path

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException

from mock_push.world import Addresses, World


@get("/mock/addresses")
async def addresses(world: NamedDependency[World]) -> Addresses:
    """Where the mock listens, and which file makes its certificate believed."""
    return world.addresses


@get("/mock/authority.pem", sync_to_thread=False)
def authority(world: NamedDependency[World]) -> Response[bytes]:
    """What to trust, for whoever cannot read the mock's files."""
    if world.addresses.authority_file is None:
        raise NotFoundException
    content = Path(world.addresses.authority_file).read_bytes()
    return Response(content, media_type="application/x-pem-file")
