"""Put an accepted mail into its recipients' boxes."""

from mock_push.mail.boxes import box_name
from mock_push.mail.letters import Envelope, read_letter
from mock_push.world import World


def deliver(world: World, content: bytes, envelope: Envelope) -> str:
    """One copy for each recipient, each by its own way; returns the queue id."""
    now = world.clock.now()
    queue_id = world.draw.queue_id()
    letter = read_letter(content, envelope, queue_id=queue_id, received_at=now)
    # An address named twice is one recipient, as every mail server has it.
    for target in dict.fromkeys(box_name(address) for address in envelope.recipients):
        world.journal.add("accepted", "smtp", target, letter.subject, now=now, content=letter)
        world.mail.box(target).put(
            letter,
            now=now,
            carriage=world.carriage("smtp", target),
            away=world.faults.is_away("smtp", target, now=now),
        )
    return queue_id
