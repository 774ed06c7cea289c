"""The demo's story: a trader, a platform, a bot and a browser, told through the public API.

Protects: that every claim of the demo is checked where it is made; a step that only prints would
prove nothing.
Invariants: steps share one `World` and nothing else; a step that does not see what it expects
raises; no step touches a database, a file of the service or a socket other than HTTP, but for
`planting`, which says why.
May never import: `app`, `mock_push`.
"""

from scripts.clients.story import approving, containment, ladder, onboarding, trading
from scripts.clients.story.world import Step, StepFailed, World

STEPS: tuple[Step, ...] = (
    *onboarding.STEPS,
    *trading.STEPS,
    *approving.STEPS,
    *ladder.STEPS,
    *containment.STEPS,
)

__all__ = ["STEPS", "Step", "StepFailed", "World"]
