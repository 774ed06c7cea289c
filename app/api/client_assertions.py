"""private_key_jwt at /oauth/*: who asks, by an assertion in the form."""

from collections.abc import Mapping

from app.api.dpop import Proof
from app.api.edge import PRINCIPAL, AnyRequest, Principal
from app.api.services import Services
from app.core.token import TokenKind
from app.platforms.errors import ClientRejected
from app.platforms.models import Authenticated, Verified
from app.tokens.models import Level

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def by_assertion(
    services: Services, request: AnyRequest, form: Mapping[str, str]
) -> Authenticated:
    """The platform whose assertion is in the form; a miss is in the log before it is refused."""
    return await spent(services, request, await verified(services, request, form))


async def verified(services: Services, request: AnyRequest, form: Mapping[str, str]) -> Verified:
    """The assertion, verified and not yet spent."""
    is_assertion = form.get("client_assertion_type") == ASSERTION_TYPE
    assertion = form.get("client_assertion", "") if is_assertion else ""
    try:
        return await services.platforms.verify(assertion, client_id=form.get("client_id"))
    except ClientRejected:
        await services.edge.log_miss(request, None, rule="client_rejected")
        raise


async def spent(services: Services, request: AnyRequest, checked: Verified) -> Authenticated:
    """Who it is of, once it is used up."""
    try:
        return await services.platforms.spend(checked)
    except ClientRejected:
        await services.edge.log_miss(request, None, rule="client_rejected")
        raise


async def with_proof(
    services: Services, request: AnyRequest, form: Mapping[str, str]
) -> tuple[Authenticated, Proof | None]:
    """The platform, and the key to bind its token to, if it shows one.

    Who is no client hears nothing of the proof; a proof of doubtful age is told before the
    assertion is spent.
    """
    checked = await verified(services, request, form)
    proof = await services.edge.proof_to_bind(request)
    client = await spent(services, request, checked)
    if proof is not None:
        await services.edge.spend(request, proof)
    return client, proof


def principal_of(services: Services, request: AnyRequest, client: Authenticated) -> Principal:
    """Who asked: what is refused from here on is in the log as refused to it."""
    principal = Principal(
        kind=TokenKind.CLIENT,
        token_id=client.platform_id,
        trader_id=None,
        root_id=None,
        platform_id=client.platform_id,
        path=[],
        level=Level.ACTIVE,
        jkt=None,
        origin=services.edge.origin(request, f"platform:{client.platform_id}"),
    )
    request.scope[PRINCIPAL] = principal  # type: ignore[literal-required]
    return principal
