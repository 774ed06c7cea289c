"""What becomes possible again: a lift of the ladder, a heartbeat that renews leases, a policy.

Protects: P7. A policy that only tightens is a device's signed word; one that loosens anything takes
an approval as strong as what it removes, then waits a day in which any device cancels it. A lift
takes an approval of its own and takes away the trader's own fence, by the one step that was shown;
a pull since then wins. A heartbeat is a device's own signed word, newer than its last.
Invariants: fence or heartbeat and their log entry are one commit under the trader lock; nothing of
an operator or a monitor is lifted here; `revoked` is final.
May never import: another path, the api, a venue.
"""
