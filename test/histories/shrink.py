"""The shortest history found that still fails."""

from operation import of


def shrink(draft, steps, fails):
    """Leaves out steps, then events, as long as fails(steps) says so."""
    steps = shrink_steps(draft.kind, steps, fails)
    steps = shrink_events(steps, fails)
    return shrink_steps(draft.kind, steps, fails)


def shrink_steps(kind, steps, fails):
    size = max(len(steps) // 2, 1)
    while True:
        position = 0
        shorter = False
        while position < len(steps):
            part = range(position, min(position + size, len(steps)))
            kept = [steps[n] for n in part if is_needed(kind, steps, n)]
            candidate = steps[:position] + kept + steps[part.stop:]
            if len(kept) < len(part) and fails(candidate):
                steps = candidate
                shorter = True
            else:
                position += size
        if size == 1 and not shorter:
            return steps
        size = max(size // 2, 1)


def is_needed(kind, steps, index):
    """Time has to begin, and customers are there."""
    return (index == 0 or steps[index][0] in ("customer", "fold_rest")
            or kind.keeps(steps, index))


def shrink_events(steps, fails):
    """An event is left out wherever it comes."""
    ids = sorted({event["id"] for step in steps for event in of(step).events(*step[1:])})
    size = max(len(ids) // 2, 1)
    while ids:
        for position in range(0, len(ids), size):
            candidate = without(steps, set(ids[position:position + size]))
            if candidate != steps and fails(candidate):
                steps = candidate
        if size == 1:
            break
        size = max(size // 2, 1)
    return steps


def without(steps, ids):
    result = []
    for step in steps:
        rest = of(step).without(ids, *step[1:])
        if rest is not None:
            result.append((step[0], *rest))
    return result
